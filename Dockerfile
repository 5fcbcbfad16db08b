# docker build -t portcullis .
#
# The image carries its own Node, so the platform packages of package.json stay out of it (docs/decisions/0007).
ARG NODE_IMAGE=node:26.12.1-slim

# The bundler is itself an optional platform package: this stage installs everything, and only dist/ leaves it.
FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY deploy/build.ts deploy/build.ts
COPY src src
RUN npm run build

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --omit=dev --omit=optional

FROM ${NODE_IMAGE}
# Koa checks less in production, and shows less.
ENV NODE_ENV=production
WORKDIR /app
COPY package.json LICENSE ./
COPY bin bin
COPY config config
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
# The one place that is written to: store: sqlite:/data/portcullis.db
RUN install --directory --owner=node --group=node --mode=0700 /data
USER node
VOLUME ["/data"]
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
# Asks the admin listener from inside; set PORTCULLIS_HEALTH_URL where the configuration moves it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch(process.env.PORTCULLIS_HEALTH_URL || 'http://127.0.0.1:8081/healthz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/portcullis.js"]
CMD ["start", "--config", "/etc/portcullis/portcullis.yaml"]
