# syntax=docker/dockerfile:1.7
# The long-lived processes: the relay unless told otherwise, or `worker --source …`, `api`, `migrate up`, `topics apply`.
#   docker build -t millrace .            docker run --read-only --user 1000 -e WE_… millrace
# To pin the base for good, replace the tag by the digest that `docker buildx imagetools inspect` shows for it.
ARG NODE=node:24.21.0-bookworm-slim

FROM ${NODE} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# Without install scripts: none of the packages that run needs any.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${NODE} AS bundle
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund && npm rebuild esbuild
COPY adapters adapters
COPY cli cli
COPY engine engine
COPY events events
COPY functions functions
COPY infra infra
COPY relay-cdc relay-cdc
COPY sdk sdk
RUN node infra/bundle/processes.ts

FROM ${NODE}
ENV NODE_ENV=production
WORKDIR /app
# The authorities of RDS. AWS adds new ones to this file, so it has no fixed checksum.
ADD --chmod=444 https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem /app/rds-ca.pem
COPY --from=packages /app/node_modules node_modules
COPY --from=bundle /app/dist/cli dist/cli
COPY package.json millrace.config.ts ./
# What the service's own millrace.config.ts imports.
COPY sdk sdk
COPY engine engine
COPY events events
COPY migrations migrations
USER 1000
EXPOSE 8080 9091
# As cli/node-flags.json has them for the relay: they halve what it holds of memory.
ENTRYPOINT ["node", "--max-semi-space-size=16", "--max-old-space-size=160", "dist/cli/main.js"]
CMD ["relay"]
