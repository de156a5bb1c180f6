# One image for every service: the command names the service, as in `docker run … tradewind scheduler`.

FROM python:3.11-slim AS build
WORKDIR /source
COPY pyproject.toml README.md ./
COPY services services
COPY shared shared
COPY proto proto
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim
# The dag processor fetches Git bundles with these two.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git openssh-client \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 50000 tradewind \
    && install --directory --owner=tradewind --group=tradewind /opt/tradewind /opt/tradewind/home /opt/tradewind/dags
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl && rm -r /wheels
ENV PYTHONUNBUFFERED=1 \
    TRADEWIND__HOME=/opt/tradewind/home \
    TRADEWIND__CORE__DAGS_FOLDER=/opt/tradewind/dags
USER tradewind
WORKDIR /opt/tradewind
EXPOSE 8080
ENTRYPOINT ["tradewind"]
CMD ["standalone"]
