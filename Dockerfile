# Reproduces a course report, with nothing installed but a container engine:
#
#   docker build --tag handgrad .
#   docker run --rm --volume handgrad-data:/data --volume "$PWD/reports:/reports" handgrad reproduce dl-2022 --quick
#
# /data stores the data sets, which are downloaded once, and the compiled kernels; to avoid the download, put the files of
# MNIST into /data/mnist. All output is written to /reports: create that folder first, so that you own it, or run with
# --user "$(id -u):$(id -g)". You can replace `reproduce …` by any other command of handgrad.
#
# ee5179 needs PyTorch (installed without CUDA); --build-arg TORCH= leaves it out, which saves most of the image's size.
# The sweeps of da6401 need Optuna; --build-arg EXTRAS=sweep,ray adds what a Ray cluster needs: docs/ray.md.

FROM python:3.11-slim-bookworm AS build
ENV PIP_CONSTRAINT=/src/constraints.txt PIP_BUILD_CONSTRAINT=/src/constraints.txt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY constraints.txt ./
RUN python -m venv /opt/handgrad
ARG TORCH=torch
RUN test -z "$TORCH" || /opt/handgrad/bin/pip install --extra-index-url https://download.pytorch.org/whl/cpu "$TORCH"
COPY pyproject.toml README.md LICENSE ./
COPY src src
ARG EXTRAS=sweep
RUN /opt/handgrad/bin/pip install ".${EXTRAS:+[$EXTRAS]}" && /opt/handgrad/bin/pip uninstall --yes pip

FROM python:3.11-slim-bookworm
COPY --from=build /opt/handgrad /opt/handgrad
# Writable by all users, because the container may run as any user.
RUN useradd --create-home --uid 1000 handgrad && install --directory --mode=1777 /data /data/cache /reports
ENV PATH=/opt/handgrad/bin:$PATH \
    HANDGRAD_DATA_DIR=/data HANDGRAD_CACHE_DIR=/data/cache \
    MPLCONFIGDIR=/tmp/matplotlib PYTHONUNBUFFERED=1
USER 1000
WORKDIR /reports
VOLUME ["/data", "/reports"]
ENTRYPOINT ["handgrad"]
CMD ["reproduce", "--list"]
