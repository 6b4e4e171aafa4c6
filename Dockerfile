# The service with the built-in pair, at http://localhost:8000/:
#   docker build -t cyclegan_tf .
#   docker run --rm -p 8000:8000 cyclegan_tf
# With generators of your own, and with a GPU (which needs NVIDIA's container toolkit):
#   docker run --rm -p 8000:8000 -v "$PWD/saved_models:/models:ro" cyclegan_tf serve /models --host 0.0.0.0
#   docker build --build-arg EXTRAS=serve,gpu -t cyclegan_tf:gpu .
#   docker run --rm --gpus all -p 8000:8000 cyclegan_tf:gpu
FROM python:3.12-slim AS build
ARG EXTRAS=serve
COPY pyproject.toml README.md LICENSE /source/
COPY cyclegan_tf /source/cyclegan_tf
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir "/source[${EXTRAS}]"

FROM python:3.12-slim
COPY --from=build /venv /venv
RUN useradd --create-home --uid 1000 app
USER 1000
WORKDIR /home/app
ENV PATH=/venv/bin:$PATH
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["cyclegan-tf"]
CMD ["serve", "--host", "0.0.0.0"]
