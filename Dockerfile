# The software of requirements.lock as an image; the checkout, your data and the results stay on the host:
#   docker build -t basinwatch .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:$PWD" -w "$PWD" basinwatch --cores all
FROM python:3.11-slim

# A compiler for the packages that come as source.
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*

COPY requirements.lock .
RUN python -m pip install --no-cache-dir --requirement requirements.lock

# A user of the host has no home in here; caches go where everyone may write.
ENV HOME=/tmp XDG_CACHE_HOME=/tmp/.cache
ENTRYPOINT ["snakemake"]
CMD ["--cores", "all"]
