# Reproduces a course report, with nothing installed but a container engine:
#
#   docker build --tag handgrad .
#   docker run --rm --volume handgrad-data:/data --volume "$PWD/reports:/reports" handgrad reproduce dl-2022 --quick
#
# /data keeps the data sets, which are downloaded once, and compiled kernels; put MNIST's own files into /data/mnist to
# download nothing. Everything that is written lands in /reports: make that folder first, so that it is yours, or run
# with --user "$(id -u):$(id -g)". Any other command of handgrad goes in place of `reproduce …`.
#
# PyTorch, without CUDA, is there for ee5179; --build-arg TORCH= leaves it out, which saves most of the image's size.
# Optuna is there for the sweeps of da6401; --build-arg EXTRAS=sweep,ray adds what a Ray cluster needs: docs/ray.md.

FROM python:3.11-slim-bookworm AS build
ENV PIP_CONSTRAINT=/src/constraints.txt PIP_BUILD_CONSTRAINT=/src/constraints.txt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY constraints.txt ./
RUN python -m venv /opt/handgrad
ARG TORCH=torch
RUN test -z "$TORCH" || /opt/handgrad/bin/pip install --index-url https://download.pytorch.org/whl/cpu "$TORCH"
COPY pyproject.toml README.md LICENSE ./
COPY src src
ARG EXTRAS=sweep
RUN /opt/handgrad/bin/pip install ".${EXTRAS:+[$EXTRAS]}" && /opt/handgrad/bin/pip uninstall --yes pip

FROM python:3.11-slim-bookworm
COPY --from=build /opt/handgrad /opt/handgrad
# Writable by everybody, for whoever the container runs as.
RUN useradd --create-home --uid 1000 handgrad && install --directory --mode=1777 /data /data/cache /reports
ENV PATH=/opt/handgrad/bin:$PATH \
    HANDGRAD_DATA_DIR=/data HANDGRAD_CACHE_DIR=/data/cache \
    MPLCONFIGDIR=/tmp/matplotlib PYTHONUNBUFFERED=1
USER 1000
WORKDIR /reports
VOLUME ["/data", "/reports"]
ENTRYPOINT ["handgrad"]
CMD ["reproduce", "--list"]
