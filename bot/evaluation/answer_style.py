"""The look of `answers.html`: light and dark, from a phone to a desk, with nothing to load."""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f6f5f1; --card: #ffffff; --ink: #1d2521; --soft: #5d6a63; --line: #e3e2da;
  --kefu: #1f7a5c; --kefu-soft: #e3f1eb; --bad: #b3412e; --bad-soft: #fbeae6; --warn: #8a6312; --bubble: #eef1f4;
  --shadow: 0 1px 2px rgb(29 37 33 / 6%), 0 8px 24px rgb(29 37 33 / 5%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #131715; --card: #1b211e; --ink: #e8ece9; --soft: #9aa8a1; --line: #2c3531;
    --kefu: #58c39b; --kefu-soft: #19332a; --bad: #f0907c; --bad-soft: #3a211c; --warn: #e0b354; --bubble: #262e2a;
    --shadow: none;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink); overflow-wrap: anywhere;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans SC", sans-serif;
}
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: clamp(1.7rem, 1.2rem + 2.4vw, 2.6rem); line-height: 1.15; letter-spacing: -.02em; margin: 0 0 .4rem; }
h2 { font-size: 1.35rem; letter-spacing: -.01em; margin: 3.2rem 0 .3rem; }
h3 { font-size: 1.05rem; margin: 0; }
p { margin: .4rem 0; }
.soft { color: var(--soft); }
small, .small { font-size: .84rem; }
.lead { font-size: 1.14rem; max-width: 46rem; margin: 1.1rem 0 0; }
.lead b { white-space: nowrap; }
.card {
  background: var(--card); border: 1px solid var(--line); border-radius: 14px; box-shadow: var(--shadow);
  padding: 1.15rem 1.25rem; margin-top: 1rem;
}
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .9rem; margin-top: 1.6rem; }
.tile { margin: 0; }
.sets { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 1rem; }
.sets .card { margin-top: 0; min-width: 0; }
.sets { margin-top: 1rem; }
.tile strong { display: block; font-size: 2.1rem; line-height: 1.1; letter-spacing: -.03em; color: var(--kefu); }
.tile.bad strong { color: var(--bad); }
.tile span { color: var(--soft); font-size: .9rem; }
.scroll { overflow-x: auto; margin: .8rem -1.25rem 0; padding: 0 1.25rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { text-align: right; padding: .42rem .55rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child {
  text-align: left; padding-left: 0; white-space: normal; font-weight: 400; overflow-wrap: normal; min-width: 8.5rem;
}
thead th {
  color: var(--soft); font-weight: 600; font-size: .8rem; vertical-align: bottom; white-space: normal;
  overflow-wrap: normal;
}
tbody tr:last-child > * { border-bottom: 0; }
.best { font-weight: 700; color: var(--kefu); }
.plot { min-width: 36rem; width: 100%; height: auto; display: block; background: #fff; border-radius: 8px; }
dl { margin: .6rem 0 0; }
dt { font-weight: 600; margin-top: .8rem; }
dd { margin: 0; color: var(--soft); }
.tag {
  display: inline-block; border-radius: 99px; padding: .08rem .6rem; font-size: .78rem; font-weight: 600;
  background: var(--bubble); color: var(--soft);
}
.tag.bad { background: var(--bad-soft); color: var(--bad); }
.tag.good { background: var(--kefu-soft); color: var(--kefu); }
.asked {
  background: var(--kefu); color: var(--card); border-radius: 16px 16px 4px 16px; padding: .6rem .95rem;
  margin: .8rem 0 1rem auto; width: fit-content; max-width: 85%;
}
.said { margin: .75rem 0; max-width: 92%; }
.said > p {
  background: var(--bubble); border-radius: 4px 16px 16px; padding: .6rem .95rem; margin: .2rem 0;
  white-space: pre-line;
}
.said.served > p { box-shadow: inset 3px 0 var(--bad); }
.said.right > p { background: var(--kefu-soft); box-shadow: inset 3px 0 var(--kefu); }
.said.none > p { background: none; border: 1px dashed var(--line); color: var(--soft); }
.who { font-size: .8rem; color: var(--soft); font-weight: 600; }
.why { margin: .35rem 0 0; padding-left: 1.1rem; font-size: .88rem; color: var(--bad); }
details { margin-top: .7rem; font-size: .9rem; }
summary { cursor: pointer; color: var(--soft); font-weight: 600; }
blockquote {
  margin: .6rem 0; padding: .1rem 0 .1rem .85rem; border-left: 3px solid var(--line); white-space: pre-line;
}
blockquote.gold { border-color: var(--kefu); }
.list { padding: 0; list-style: none; margin: 0; }
.list li { padding: .7rem 0; border-bottom: 1px solid var(--line); }
.list li:last-child { border-bottom: 0; }
footer { margin-top: 3rem; color: var(--soft); font-size: .85rem; }
@media (max-width: 34rem) {
  main { padding: 1.6rem .9rem 3rem; }
  .card { padding: 1rem; border-radius: 12px; }
  .scroll { margin-inline: -1rem; padding: 0 1rem; }
  .tiles { grid-template-columns: 1fr 1fr; gap: .7rem; }
  .tile strong { font-size: 1.6rem; }
  table { font-size: .84rem; }
  th, td { padding: .4rem .3rem; }
  th:first-child, td:first-child { min-width: 6.5rem; }
  thead th { font-size: .74rem; }
  .asked, .said { max-width: 100%; }
}
@media print { body { background: #fff; } .card { break-inside: avoid; box-shadow: none; } }
"""
