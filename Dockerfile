# The image holds Python, krmfn, the libraries that they load, and nothing else: no shell, no pip, no OpenSSL. docs/image.md tells how to use it.
#
# BASE has python3 (3.11 or later) with its venv module, and glibc. The default is the official image: it is rebuilt within days of each Python and
# Debian fix, has no more than that, and its tags name the version. Append @sha256:… to build on one state of it for ever.
ARG BASE=docker.io/library/python:3.13-slim-trixie
# Where the variant `--target kustomize` has kustomize from: a static program at /app/kustomize.
ARG KUSTOMIZE=registry.k8s.io/kustomize/kustomize:v5.8.1
# What the variant `--target ci` is built on: Python 3.11 or later with its venv module, git and a shell.
ARG CI_BASE=docker.io/library/python:3.13-trixie

FROM ${BASE} AS build
USER 0
WORKDIR /src

# Python without what krmfn never loads. Without the network modules OpenSSL stays out, and with it most reports of a vulnerability scanner.
RUN set -eu; \
    python=$(realpath "$(command -v python3)"); \
    stdlib=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))'); \
    mkdir -p /image/usr/local/bin /image/etc; \
    cp -R --parents "$python" "$stdlib" /image; \
    ln -sf "$python" /image/usr/local/bin/python3; \
    cd "/image$stdlib"; \
    rm -rf config-* dist-packages distutils ensurepip idlelib lib2to3 pydoc_data site-packages test tkinter turtle.py turtledemo venv; \
    cd lib-dynload; \
    for module in _crypt _ctypes_test _curses _dbm _gdbm _hashlib _sqlite3 _ssl _test _tkinter _xx nis readline xx; do rm -f "$module"*; done; \
    find /image -lname '/etc/*' -delete; \
    find /image -name __pycache__ -prune -exec rm -r {} +

# What a mirror, or wheels without any network, need is given as build arguments.
ARG PIP_INDEX_URL
ARG PIP_FIND_LINKS
ARG PIP_NO_INDEX

# uv reads the lock file, pip holds every wheel to its hashes. The hashes of uv are those for Linux on amd64 and arm64.
COPY pyproject.toml uv.lock ./
RUN set -eu; \
    export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all: PIP_REQUIRE_HASHES=1 PIP_ROOT_USER_ACTION=ignore; \
    python3 -m venv /venv; \
    echo uv==0.13.9 \
        --hash=sha256:d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19 \
        --hash=sha256:ecb6028d79dc96fbeafffe5c8af62a7099487ebc05a701e76714eebcffd06375 >uv.txt; \
    /venv/bin/pip install --quiet --requirement uv.txt; \
    /venv/bin/uv export --quiet --no-cache --frozen --no-dev --no-emit-project --output-file requirements.txt; \
    /venv/bin/pip install --quiet --no-compile --no-deps --requirement requirements.txt \
        --target "/image$(python3 -c 'import site; print(site.getsitepackages()[0])')"

# The libraries, and for scanners and lawyers the records and licences of the packages that they are from.
RUN set -eu; \
    python=$(realpath "$(command -v python3)"); \
    find /image -type f -name '*.so*' -exec ldd "$python" {} + | \
        awk '$2 == "=>" && $3 ~ /^\// {print $3} $1 ~ /^\// && $2 ~ /^\(/ {print $1}' | \
        xargs realpath --no-symlinks | grep -v ^/image/ | sort -u >libraries; \
    xargs cp -L --parents --target-directory /image <libraries; \
    cp -R /etc/ld.so.conf* /image/etc/; \
    ldconfig -r /image; \
    rm -rf /image/etc/ld.so.conf* /image/var/cache; \
    if command -v dpkg-query >/dev/null; then \
        { cat libraries; sed 's|^|/usr|' libraries; find /image/usr/bin /image/usr/lib/python3* -type f | sed 's|^/image||'; } | \
            xargs dpkg-query --search 2>/dev/null | sed 's|:.*||' | sort -u >packages; \
        mkdir -p /image/var/lib/dpkg; \
        xargs dpkg-query --status <packages >/image/var/lib/dpkg/status; \
        sed 's|.*|/usr/share/doc/&/copyright|' packages | xargs ls 2>/dev/null | xargs -r cp -L --parents --target-directory /image; \
    fi; \
    cp -L /etc/os-release /image/etc/; \
    echo root:x:0:0::/nonexistent:/nonexistent >/image/etc/passwd; \
    echo nobody:x:65534:65534::/nonexistent:/nonexistent >>/image/etc/passwd; \
    printf '%s\n' root:x:0: nogroup:x:65534: >/image/etc/group

# Isolated (-I): no variable of a caller, and no file in its folder, changes what is loaded. The bytecode is never checked against times nor written, and
# every file has the same time, so that the same sources make the same layer; the last line proves that nothing is missing.
ARG SOURCE_DATE_EPOCH=0
COPY LICENSE /image/usr/share/doc/krmfn/
COPY krmfn krmfn
RUN set -eu; \
    python=$(realpath "$(command -v python3)"); \
    packages=$(python3 -c 'import site; print(site.getsitepackages()[0])'); \
    cp -r krmfn "/image$packages/"; \
    rm -rf "/image$packages/bin"; \
    printf '#!%s -IB\nfrom krmfn.__main__ import main\n\nmain()\n' "$python" >/image/usr/local/bin/krmfn; \
    chmod -R u=rwX,go=rX /image; \
    chmod 755 /image/usr/local/bin/krmfn; \
    PYTHONHASHSEED=0 python3 -m compileall -fq --invalidation-mode unchecked-hash -s /image -p / /image; \
    find /image -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +; \
    chroot /image /usr/local/bin/krmfn --version

# The variant for -k: krmfn with kustomize beside it. It needs a /tmp to write to.
FROM ${KUSTOMIZE} AS kustomize-program

FROM scratch AS kustomize
COPY --from=build /image/ /
COPY --from=kustomize-program --chmod=755 /app/kustomize /usr/local/bin/kustomize
ENV PATH=/usr/local/bin
USER 65534:65534
ENTRYPOINT ["/usr/local/bin/krmfn"]

# The variant for CI: a shell, git, kustomize and krmfn, on an image that has the first two. Pipelines start their own commands in it.
FROM ${CI_BASE} AS ci
USER 0
ARG PIP_INDEX_URL
ARG PIP_FIND_LINKS
ARG PIP_NO_INDEX
COPY --from=build /src/requirements.txt /tmp/
RUN set -eu; \
    export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all: PIP_REQUIRE_HASHES=1 PIP_ROOT_USER_ACTION=ignore; \
    python3 -m venv /opt/krmfn; \
    /opt/krmfn/bin/pip install --quiet --no-deps --requirement /tmp/requirements.txt; \
    rm /tmp/requirements.txt; \
    mkdir -p /usr/local/bin; \
    printf '#!/opt/krmfn/bin/python3 -IB\nfrom krmfn.__main__ import main\n\nmain()\n' >/usr/local/bin/krmfn; \
    chmod 755 /usr/local/bin/krmfn; \
    ln -s "$(/opt/krmfn/bin/python3 -c 'import site; print(site.getsitepackages()[0])')" /opt/krmfn/packages
COPY krmfn /opt/krmfn/packages/krmfn
RUN /opt/krmfn/bin/python3 -m compileall -fq --invalidation-mode unchecked-hash /opt/krmfn/packages && krmfn --version
COPY --from=kustomize-program --chmod=755 /app/kustomize /usr/local/bin/kustomize

FROM scratch
COPY --from=build /image/ /
ARG VERSION=0.2.0
ARG REVISION
ARG SOURCE
LABEL org.opencontainers.image.title="krmfn" \
      org.opencontainers.image.description="Declare nodes in Git; get KubeVirt virtual machines that join their vCluster." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
ENV PATH=/usr/local/bin
USER 65534:65534
ENTRYPOINT ["/usr/local/bin/krmfn"]
