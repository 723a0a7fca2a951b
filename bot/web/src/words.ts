/** The words of the widget itself, in English and Chinese, and how each language writes prices, times and sizes. */

const ENGLISH = {
  title: "Customer service",
  open: "Open chat",
  openUnread: (count: number) => `Open chat, ${count} unread`,
  close: "Close chat",
  conversation: "Conversation",
  hello: "Hello, how can we help?",
  helloMore: "Ask about products, your order, delivery or returns.",
  assistant: "Assistant",
  you: "You",
  colleague: "Colleague",
  byAssistant: "Automatic assistant",
  waitingForPerson: "Passed on to our team",
  withPerson: (name: string) => (name ? `You are talking to ${name}` : "You are talking to a colleague"),
  closed: "Conversation closed",
  floors: {
    assistant: "The assistant is back",
    // Nobody may be at the desk now: the reply says when somebody is.
    waiting: "Passed on to our team. You can go on writing; they will read all of it.",
    agent: "A colleague has joined",
    closed: "This conversation is closed. Write to start again.",
  },
  person: "Talk to a person",
  personAsked: "You asked for a person",
  personHere: "A colleague is here",
  personLine: "I would like to talk to a person.",
  typing: "The assistant is typing",
  write: "Write a message",
  writePlaceholder: "Write a message …",
  send: "Send",
  attach: "Attach a file",
  drop: "Drop a picture or PDF here",
  files: "Attached files",
  remove: (name: string) => `Remove ${name}`,
  uploading: (percent: number) => `${percent} %`,
  replies: "Suggested replies",
  products: "Products",
  inStock: "In stock",
  fewLeft: (count: number) => `Only ${count} left`,
  soldOut: "Sold out",
  newTab: "opens in a new tab",
  sources: (count: number) => (count === 1 ? "1 source" : `${count} sources`),
  loading: "Loading …",
  sourceGone: "This source cannot be shown now.",
  readMore: "Open the page",
  helpful: "Helpful",
  unhelpful: "Not helpful",
  judge: "Was this helpful?",
  newer: "New messages",
  today: "Today",
  yesterday: "Yesterday",
  sent: "Sent",
  sending: "Sending …",
  queued: "Will be sent when you are back online",
  held: {
    rate: "A moment, please. It will be sent by itself.",
    mailbox: "A moment, please. It will be sent by itself.",
    unavailable: "We cannot take messages just now. It will be sent by itself.",
  } as Record<string, string>,
  retry: "Try again",
  discard: "Discard",
  refused: {
    budget: "Too many messages for today. Please try again tomorrow.",
    bad_file: "A file could not be sent.",
    bad_message: "This message could not be sent.",
    old: "Not sent: it was written more than a day ago.",
    signed_in: "Not sent: it was written before you signed in.",
    other: "This message could not be sent.",
  } as Record<string, string>,
  left: (count: number) => (count >= 0 ? `${count} left` : `${-count} characters too many`),
  status: {
    connecting: "Connecting …",
    offline: "No connection. Trying again …",
    forbidden: "The chat is not available on this page.",
    "signed-out": "Please reload the page to go on chatting.",
  } as Record<string, string>,
  busy: "Many people are writing just now. Your message will be sent in a moment.",
  file: {
    tooBig: (name: string, most: string) => `${name} is larger than ${most}.`,
    wrongType: (name: string) => `${name}: only pictures and PDF files can be sent.`,
    empty: (name: string) => `${name} is empty.`,
    tooMany: (most: number) => `At most ${most} files go with one message.`,
    failed: (name: string) => `${name} could not be uploaded.`,
    later: "Waiting …",
  },
  picture: (name: string) => `Picture ${name}`,
};

export type Words = typeof ENGLISH;

const CHINESE: Words = {
  title: "在线客服",
  open: "打开聊天窗口",
  openUnread: (count) => `打开聊天窗口，${count} 条未读消息`,
  close: "关闭聊天窗口",
  conversation: "对话",
  hello: "您好，有什么可以帮您？",
  helloMore: "商品、订单、配送或退换货，都可以问我们。",
  assistant: "智能助手",
  you: "您",
  colleague: "人工客服",
  byAssistant: "智能助手",
  waitingForPerson: "已转交人工客服",
  withPerson: (name) => (name ? `${name} 正在为您服务` : "人工客服正在为您服务"),
  closed: "对话已结束",
  floors: {
    assistant: "已转回智能助手",
    waiting: "已转交人工客服。您可以继续留言，客服会看到全部内容。",
    agent: "人工客服已接入",
    closed: "对话已结束，发送消息即可重新开始。",
  },
  person: "转人工",
  personAsked: "已请求人工客服",
  personHere: "人工客服已接入",
  personLine: "我想转人工客服。",
  typing: "智能助手正在输入",
  write: "输入消息",
  writePlaceholder: "输入消息…",
  send: "发送",
  attach: "添加文件",
  drop: "将图片或 PDF 拖放到这里",
  files: "已添加的文件",
  remove: (name) => `移除 ${name}`,
  uploading: (percent) => `${percent}%`,
  replies: "快捷回复",
  products: "商品",
  inStock: "有货",
  fewLeft: (count) => `仅剩 ${count} 件`,
  soldOut: "缺货",
  newTab: "在新标签页中打开",
  sources: (count) => `${count} 个来源`,
  loading: "加载中…",
  sourceGone: "暂时无法显示该来源。",
  readMore: "打开页面",
  helpful: "有帮助",
  unhelpful: "没有帮助",
  judge: "这个回答有帮助吗？",
  newer: "新消息",
  today: "今天",
  yesterday: "昨天",
  sent: "已发送",
  sending: "发送中…",
  queued: "恢复连接后会自动发送",
  held: {
    rate: "请稍候，消息会自动发送。",
    mailbox: "请稍候，消息会自动发送。",
    unavailable: "暂时无法接收消息，稍后会自动发送。",
  },
  retry: "重试",
  discard: "删除",
  refused: {
    budget: "今天的消息数量已达上限，请明天再试。",
    bad_file: "文件发送失败。",
    bad_message: "这条消息无法发送。",
    old: "未发送：这条消息写于一天之前。",
    signed_in: "未发送：这条消息写于登录之前。",
    other: "这条消息无法发送。",
  },
  left: (count) => (count >= 0 ? `还可输入 ${count} 字` : `超出 ${-count} 字`),
  status: {
    connecting: "连接中…",
    offline: "网络已断开，正在重新连接…",
    forbidden: "此页面暂不支持在线客服。",
    "signed-out": "请刷新页面后继续对话。",
  },
  busy: "当前咨询人数较多，您的消息稍后会自动发送。",
  file: {
    tooBig: (name, most) => `${name} 超过了 ${most}。`,
    wrongType: (name) => `${name}：只能发送图片或 PDF 文件。`,
    empty: (name) => `${name} 是空文件。`,
    tooMany: (most) => `每条消息最多添加 ${most} 个文件。`,
    failed: (name) => `${name} 上传失败。`,
    later: "等待上传…",
  },
  picture: (name) => `图片 ${name}`,
};

/** A language of the widget: its words, and the locale that writes its numbers and dates. */
export interface Language {
  words: Words;
  locale: string;
}

/**
 * The first of the tags (`en-GB`, `zh`, …) that the widget speaks; English where it speaks none. Where it names no
 * region, the device's languages say how times and prices are written.
 */
export function chooseLanguage(tags: readonly (string | null | undefined)[], device: readonly string[] = []): Language {
  for (const tag of tags) {
    const spoken = /^(en|zh)(-|$)/i.exec(tag ?? "")?.[1]?.toLowerCase();
    if (!tag || !spoken) continue;
    const regional = tag.includes("-") ? tag : device.find((other) => other.toLowerCase().startsWith(`${spoken}-`));
    return { words: spoken === "zh" ? CHINESE : ENGLISH, locale: valid(regional ?? tag, spoken) };
  }
  return { words: ENGLISH, locale: "en" };
}

function valid(tag: string, otherwise: string): string {
  try {
    return Intl.getCanonicalLocales(tag)[0] ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** `349.95`, `EUR` → `€349.95`; as it was written where it is no number or no currency. */
export function price(amount: string, currency: string | undefined, locale: string): string {
  const value = Number(amount);
  if (currency && amount.trim() !== "" && Number.isFinite(value)) {
    try {
      return new Intl.NumberFormat(locale, { style: "currency", currency, currencyDisplay: "narrowSymbol" }).format(value);
    } catch {
      // No currency that the browser knows: the shop's own way of writing it.
    }
  }
  return [amount, currency].filter(Boolean).join(" ");
}

export function time(at: Date, locale: string): string {
  return at.toLocaleTimeString(locale, { hour: "numeric", minute: "2-digit" });
}

export function day(at: Date, { words, locale }: Language, now: Date = new Date()): string {
  const yesterday = new Date(now);
  yesterday.setDate(now.getDate() - 1);
  if (at.toDateString() === now.toDateString()) return words.today;
  if (at.toDateString() === yesterday.toDateString()) return words.yesterday;
  const year = at.getFullYear() === now.getFullYear() ? {} : ({ year: "numeric" } as const);
  return at.toLocaleDateString(locale, { weekday: "long", day: "numeric", month: "long", ...year });
}

/** Bytes as people read them: `820 kB`, `5 MB`. */
export function size(bytes: number, locale: string): string {
  const [unit, amount] = bytes < 950_000 ? ["kilobyte", bytes / 1024] : ["megabyte", bytes / 1024 ** 2];
  const digits = unit === "megabyte" ? 1 : 0;
  return new Intl.NumberFormat(locale, { style: "unit", unit, maximumFractionDigits: digits }).format(
    unit === "kilobyte" ? Math.max(1, amount) : amount,
  );
}
