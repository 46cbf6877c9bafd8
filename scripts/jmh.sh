#!/bin/sh
# Runs the microbenchmarks of verify/ with JMH, each in a JVM of its own and on one thread.
#
# Usage: scripts/jmh.sh [JMH options]    (-h lists them, -l the benchmarks)
#   scripts/jmh.sh Noise Door -p layer=VGG16_EARLY,RESNET20_EARLY
set -eu

home=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)

fail() {
  echo "jmh: $1" >&2
  exit 1
}

# Builds the product if that is needed, and says which JDK did.
jdk=$("$home/asymml" env 2>/dev/null | sed -n 's/^Java  *[^,]*, //p')
[ -x "$jdk/bin/java" ] || fail "no JDK found; './asymml env' shows why"

log=$home/target/jmh-build.log
(cd "$home" && JAVA_HOME=$jdk mvn -B -Dmaven.test.skip=true -Dspotless.check.skip=true \
  -pl verify -am package) >"$log" 2>&1 || fail "the build failed; its output is in $log"

export OMP_WAIT_POLICY=passive
# The forks get these flags too.
exec "$jdk/bin/java" -XX:+UseSerialGC \
  -Dorg.bytedeco.javacpp.maxBytes=0 -Dorg.bytedeco.javacpp.maxPhysicalBytes=0 \
  --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow \
  -cp "$home/verify/target/classes:$home/verify/target/lib/*:$home/cli/target/lib/*" \
  org.openjdk.jmh.Main "$@"
