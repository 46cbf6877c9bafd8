#!/bin/sh
# Runs what scripts/package.sh cvm has packed as it would run in a confidential VM, as far as one machine without a TEE
# can play it: the command of the systemd unit, in a file tree of its own that is read-only but for the runs and the
# requests for evidence, without /dev/shm, with a worker reached by TLS; and reads from a trace of its system calls
# that it starts no process, connects to no Unix socket and shares no memory. Needs root, unshare and strace.
#
# Usage: scripts/confined-run.sh [DIR]    (default: a new folder in /tmp; must not exist)
#   BUNDLE=FILE scripts/confined-run.sh    with a bundle that scripts/bundle.sh has written
set -eu

home=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
work=${1:-$(mktemp -d)/confined}
. "$home/scripts/simulation.sh"

[ "$(id -u)" = 0 ] || fail "file trees are made by root"
for tool in unshare strace openssl; do
  command -v $tool >/dev/null || fail "$tool is missing: install it"
done
prepare
certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/$1.key" -out "$work/$1.pem" \
    -subj "/CN=$1" -days 2 2>/dev/null
  openssl pkcs12 -export -inkey "$work/$1.key" -in "$work/$1.pem" -out "$work/$1.p12" -passout "file:$work/password"
}

say "1. a machine, images, an owner and a worker"
(machine "$work" images "$work/images" 40 16)
machine "$work" >"$work/machine.log" &
processes="$processes $!"
echo "a password of a demonstration" >"$work/password"
certificate owner
certificate worker
"$asymml" owner init --key "$work/data.key" 2>/dev/null
"$asymml" owner seal "$work/images" "$work/images.sealed" --key "$work/data.key" 2>/dev/null
accept_runs
serve_owner
worker() {
  "$asymml" worker --listen tls:127.0.0.1:0 --tls-keystore "$work/worker.p12" --tls-password-file "$work/password" \
    >"$work/worker.out" 2>&1 &
  processes="$processes $!"
  await "$work/worker.out" listening
}

say "2. the package"
set -- --tee snp --owner "$owner" --owner-key "$work/owner.pem" --heap 1024 --tensors 1024 --threads 1
[ -z "${BUNDLE:-}" ] || set -- "$@" --bundle "$BUNDLE"
"$home/scripts/package.sh" cvm "$@" --out "$work/package" >"$work/package.log" 2>&1 ||
  fail "the package: $(tail -n 1 "$work/package.log")"
units=$work/package/mkosi.extra/etc/systemd/system
given=$work/asymml/given
mkdir -p "$given" "$work/asymml/data" "$work/asymml/runs"
cp "$work/images.sealed" "$work/asymml/data"
cp "$work/worker.pem" "$given"

# The file tree: what the unit sees. Only two of its folders can be written.
cat >"$work/inside.sh" <<'END'
set -eu
work=$1 trace=$2 unit=$3
root=$work/root
mount --make-rprivate /
mount -t tmpfs -o size=1m tmpfs "$root"
cd "$root"
mkdir -p opt/asymml var/lib/asymml usr proc dev sys etc tmp
ln -s usr/lib lib
ln -s usr/lib64 lib64
mount --rbind /usr usr
mount --bind "$work/package/mkosi.extra/opt/asymml" opt/asymml
mount --bind "$work/asymml" var/lib/asymml
mount -t proc proc proc
mkdir -p sys/kernel/config/tsm/report sys/fs
for device in null random urandom; do
  touch dev/$device
  mount --bind /dev/$device dev/$device
done
mount --bind "$work/guest/sys/kernel/config/tsm/report" sys/kernel/config/tsm/report
for folder in usr opt/asymml var/lib/asymml proc; do
  mount -o remount,bind,ro "$folder"
done
mount --bind "$work/asymml/runs" var/lib/asymml/runs
mount -o remount,bind,ro .
# All variables are the unit's, and its command is one line of words.
set -f
strace=$(command -v strace) unshare=$(command -v unshare)
set -- $(sed -n 's/^Environment=//p' "$unit")
exec env -i "$@" "$strace" -f --seccomp-bpf -o "$trace" \
  -e trace=execve,execveat,fork,vfork,clone,clone3,socket,socketpair,connect,memfd_create,shmget,openat,open,creat,mkdir,rename,unlink,unlinkat \
  "$unshare" --root="$root" --wd=/ $(sed -n 's/^ExecStart=//p' "$unit")
END
mkdir "$work/root"

# confined UNIT: in place of the subshell that calls it.
confined() {
  cat >"$given/run.yaml" <<END
data: /var/lib/asymml/data/images.sealed
model: cnn
batch-size: 8
epochs: 3
learning-rate: 0.01
worker: $(sed -n 's/.*listening on \(tls:[^,]*\),.*/\1/p' "$work/worker.out")
tls-trust: /var/lib/asymml/given/worker.pem
END
  exec unshare --mount sh "$work/inside.sh" "$work" "$work/$1.trace" "$units/asymml-$1.service"
}

# What a trace must not have. The C library asks for the user's name at a socket of nscd, which is not there; the JDK
# keeps one half of a pair of sockets, of which it closes the other.
examine() {
  trace=$work/$1.trace
  grep -q 'execve("/opt/asymml/runtime/bin/java"' "$trace" || fail "$1: Java was not started"
  # What strace and unshare do before Java is not its own.
  sed '1,/execve("\/opt\/asymml\/runtime\/bin\/java"/d' "$trace" >"$trace.java"
  if grep -E 'execve|fork\(' "$trace.java" >&2; then fail "$1: it starts a process"; fi
  if grep -E 'clone3?\(' "$trace.java" | grep -v CLONE_THREAD >&2; then fail "$1: it starts a process"; fi
  if grep -E 'memfd_create|shmget|"/dev/shm' "$trace.java" >&2; then fail "$1: it shares memory"; fi
  if grep -E 'connect\(.*AF_UNIX' "$trace.java" | grep -v '"/var/run/nscd/socket".* = -1 ENOENT' >&2; then
    fail "$1: it uses Unix sockets"
  fi
  grep -E 'O_WRONLY|O_RDWR|O_CREAT|creat\(|mkdir|rename|unlink' "$trace.java" | grep -v ' = -1 ' |
    sed -e 's/[^"]*"\([^"]*\)".*/\1/' -e 's/asymml-[0-9a-f-]\{36\}/asymml-UUID/' -e 's/-[0-9]\{6,\}/-N/' | sort | uniq -c >"$trace.written"
  if grep -v -e ' /var/lib/asymml/runs/' -e ' /sys/kernel/config/tsm/report/' -e ' /proc/self/coredump_filter' \
    -e ' /dev/null' "$trace.written" >&2; then
    fail "$1: it writes elsewhere"
  fi
  say "$1: $(grep -c 'CLONE_THREAD' "$trace.java") threads, no process started, no Unix socket connected, no shared memory; written:"
  sed "s/^/$mark: written | /" "$trace.written"
}

worker
say "3. train"
(confined train) >"$work/train.out" 2>&1 || fail "$(cat "$work/train.out")"
grep -v 'Using incubator modules' "$work/train.out"
examine train
say "4. export"
(confined export) >"$work/export.out" 2>&1 || fail "$(cat "$work/export.out")"
grep -v 'Using incubator modules' "$work/export.out"
examine export
"$asymml" owner open "$work/asymml/runs/model.onnx.sealed" "$work/model.onnx" --key "$work/data.key" 2>/dev/null
say "all as it should be; everything is in $work"
