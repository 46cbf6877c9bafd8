#!/bin/sh
# Writes what a trainer in a TEE is made of: the bundle of scripts/bundle.sh with its native libraries in a folder,
# so that nothing is unpacked when it runs, with
#   gramine: manifests for Gramine 1.9 on Intel SGX, one each to train, to resume and to export;
#   cvm: the recipe of a measured image for mkosi (Intel TDX, AMD SEV-SNP), with the same as systemd units.
# The owner's address and key, the arguments and the JVM's flags are fixed: they are part of what is measured.
# docs/guide/tee.md says what to do with the output. None of it has been run in a TEE.
#
# Usage: scripts/package.sh gramine|cvm --owner tls:HOST:PORT --owner-key FILE [OPTION...]
#   --tee snp|tdx      with cvm: the TEE (with gramine: sgx)
#   --heap MIB         of Java (default: 2048)
#   --tensors MIB      of native memory, which holds the tensors (default: 4096)
#   --threads N        that compute (default: 2)
#   --bundle FILE      as scripts/bundle.sh wrote it (default: it is run)
#   --gramine DIR      where Gramine is installed (default: /usr/lib/x86_64-linux-gnu/gramine)
#   --out DIR          must not exist (default: target/package/gramine, target/package/cvm)
set -eu

home=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)

fail() {
  echo "package: $1" >&2
  exit 1
}

kind=${1:-}
case $kind in
  gramine | cvm) shift ;;
  *) fail "say which: scripts/package.sh gramine or scripts/package.sh cvm" ;;
esac

owner='' key='' tee='' bundle='' out=$home/target/package/$kind
heap=2048 tensors=4096 threads=2
gramine=/usr/lib/x86_64-linux-gnu/gramine
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || fail "$1 needs a value"
  case $1 in
    --owner) owner=$2 ;;
    --owner-key) key=$2 ;;
    --tee) tee=$2 ;;
    --heap) heap=$2 ;;
    --tensors) tensors=$2 ;;
    --threads) threads=$2 ;;
    --bundle) bundle=$2 ;;
    --gramine) gramine=$2 ;;
    --out) out=$2 ;;
    *) fail "no option $1" ;;
  esac
  shift 2
done

case $owner in
  tls:*:*) ;;
  *) fail "--owner tls:HOST:PORT is needed: the owner that the trainer asks" ;;
esac
# They go into files of several syntaxes.
case $owner$gramine in *[!A-Za-z0-9.:/_+-]*) fail "--owner and --gramine take letters, digits and . : / _ + - alone" ;; esac
[ -n "$key" ] || fail "--owner-key FILE is needed: the certificate of the owner, PEM"
grep -qs -e 'BEGIN CERTIFICATE' "$key" || fail "$key is no certificate in PEM"
case $kind:$tee in
  gramine: | gramine:sgx) tee=sgx ;;
  cvm:snp | cvm:tdx) ;;
  *) fail "--tee is snp or tdx with cvm, and sgx with gramine" ;;
esac
for number in "$heap" "$tensors" "$threads"; do
  case $number in
    '' | 0* | *[!0-9]*) fail "--heap, --tensors and --threads are numbers above 0: '$number'" ;;
  esac
done
[ ! -e "$out" ] || fail "$out exists: remove it, or name another folder with --out"
command -v unzip >/dev/null || fail "unzip is missing: install it"

if [ -z "$bundle" ]; then
  bundle=$home/target/bundle/asymml-linux-x86_64.tar.gz
  "$home/scripts/bundle.sh" "$bundle"
fi
[ -f "$bundle" ] || fail "no such file: $bundle"

# Memory in MiB, from which the JVM's flags and the enclave's size follow.
code=96
classes=64
metaspace=160
stack=2

# Where the program lies when it runs.
if [ "$kind" = gramine ]; then
  at=/asymml owned=/owner/owner.pem given=/given runs=/runs
  tree=$out/asymml
  keys=$out/owner
else
  at=/opt/asymml owned=/opt/asymml/owner.pem given=/var/lib/asymml/given runs=/var/lib/asymml/runs
  tree=$out/mkosi.extra/opt/asymml
  keys=$tree
fi

mkdir -p "$tree" "$keys"
tar -xzf "$bundle" -C "$tree" --strip-components 1
cp "$key" "$keys/owner.pem"

# JavaCPP finds these before it would unpack the same. What they need of the C++ runtime comes along.
native=$tree/native
mkdir "$native"
for jar in "$tree"/lib/dnnl-*-linux-x86_64.jar "$tree"/lib/javacpp-*-linux-x86_64.jar \
  "$tree"/lib/opencl-*-linux-x86_64.jar; do
  unzip -q -o -j "$jar" '*.so*' -d "$native"
done
for library in libstdc++.so.6 libgcc_s.so.1; do
  found=$(LD_LIBRARY_PATH=$native ldd "$native/libjnijavacpp.so" | awk -v name="$library" '$1 == name { print $3 }')
  [ -f "$found" ] || fail "$library is missing: install the C++ runtime"
  cp -L "$found" "$native/$library"
done
chmod 644 "$native"/*

# The JVM's flags and the modules, a line each. No file is unpacked, mapped to be shared, or left by a crash.
java_options() {
  cat <<END
-Xms${heap}m
-Xmx${heap}m
-Xss${stack}m
-XX:+UseSerialGC
-XX:ReservedCodeCacheSize=${code}m
-XX:CompressedClassSpaceSize=${classes}m
-XX:MaxMetaspaceSize=${metaspace}m
-XX:ActiveProcessorCount=$threads
-XX:CICompilerCount=2
-XX:-UseDynamicNumberOfCompilerThreads
-XX:-UsePerfData
-XX:+DisableAttachMechanism
-XX:-CreateCoredumpOnCrash
-XX:ErrorFile=/dev/null
-Xshare:auto
-Djava.library.path=$at/native
-Dorg.bytedeco.javacpp.pathsFirst=true
-Dorg.bytedeco.javacpp.cachedir=$at/native
-Dorg.bytedeco.javacpp.maxBytes=0
-Dorg.bytedeco.javacpp.maxPhysicalBytes=0
-Dasymml.command=asymml
--sun-misc-unsafe-memory-access=allow
--module-path=$at/lib
--add-modules=org.bytedeco.javacpp.linux.x86_64,org.bytedeco.dnnl.linux.x86_64,org.bytedeco.opencl.linux.x86_64
--enable-native-access=asymml.kernels,asymml.wire,org.bytedeco.javacpp,org.bytedeco.dnnl,org.bytedeco.opencl,org.jline.nativ
-m
asymml.cli/asymml.cli.Main
END
}

# arguments ACTION: those of the program, a line each. Settings of the run come from a file that is not measured;
# they are part of the evidence instead.
arguments() {
  case $1 in
    train) printf '%s\n' train --config "$given/run.yaml" --out "$runs/run" --threads "$threads" ;;
    resume) printf '%s\n' train --config "$given/run.yaml" --resume "$runs/run" --threads "$threads" ;;
    export) printf '%s\n' export --run "$runs/run" --out "$runs/model.onnx.sealed" ;;
  esac
  printf '%s\n' --owner "$owner" --owner-key "$owned" --require-tee "$tee"
}

# The environment, besides which there is none.
environment() {
  printf '%s\n' "LD_LIBRARY_PATH=${1}$at/native" LC_ALL=C.UTF-8 MALLOC_ARENA_MAX=2 OMP_WAIT_POLICY=passive
}

. "$home/scripts/package/$kind.sh"
