#!/bin/sh
# Plays a data owner, a trainer and a worker as processes on this machine: images are sealed, the owner serves the
# key, the trainer gets it with evidence, trains, is killed, resumes and exports, and the owner opens the model.
# Then what must be refused. There is no TEE: evidence comes from a file tree in which a process of the tests plays
# the kernel, under a root of tests. Nothing is protected, and every line says so.
#
# Usage: scripts/demo-tee.sh [DIR]    (default: a new folder in /tmp; must not exist)
set -eu

home=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
work=${1:-$(mktemp -d)/demo}
. "$home/scripts/simulation.sh"

prepare
[ -x "$jdk/bin/keytool" ] || fail "no keytool in ${jdk:-the JDK}"

# Each line of a process under its party's name, but for what Java says of itself.
as() {
  sed -u "/Using incubator modules/d; s/^/$mark: $1 | /"
}

say "1. a machine, images, keys, a policy"
(machine "$work" images "$work/images" 40 16) | as machine
machine "$work" >"$work/machine.log" &
processes="$processes $!"
"$asymml" owner init --key "$work/data.key" 2>&1 | as owner
"$asymml" owner seal "$work/images" "$work/images.sealed" --key "$work/data.key" 2>&1 | as owner
echo "a password of a demonstration" >"$work/password"
"$jdk/bin/keytool" -genkeypair -keyalg EC -dname CN=owner -storetype PKCS12 -keystore "$work/owner.p12" \
  -storepass:file "$work/password" 2>&1 | as owner
"$jdk/bin/keytool" -exportcert -rfc -keystore "$work/owner.p12" -storepass:file "$work/password" \
  -file "$work/owner.pem" 2>&1 | as owner
accept_runs
"$asymml" owner policy "$work/policy.yaml" 2>&1 | as owner

say "2. owner and worker serve"
serve_owner
as owner <"$work/owner.out"

# A worker serves one trainer.
worker() {
  rm -f "$work/worker.sock"
  "$asymml" worker --listen "unix:$work/worker.sock" >"$work/worker.out" 2>&1 &
  processes="$processes $!"
  await "$work/worker.out" listening
  as worker <"$work/worker.out"
}

# train TREE OPTION... : in place of the subshell that calls it.
train() {
  tree=$1
  shift
  exec "$asymml" train --owner "$owner" --owner-key "$work/owner.pem" --require-tee snp --tee-root "$work/$tree" \
    --worker "unix:$work/worker.sock" --threads 1 "$@"
}

say "3. the trainer gets the key, trains, and is killed"
worker
train guest --data "$work/images.sealed" --model cnn --noise-ratio 0 --learning-rate 0.01 --epochs 400 --batch-size 8 --out "$work/run" \
  >"$work/train.out" 2>&1 &
trainer=$!
processes="$processes $trainer"
await "$work/train.out" 'epoch 2/400'
kill -9 "$trainer"
wait "$trainer" 2>/dev/null || true
head -n 15 "$work/train.out" | as trainer
say "killed by SIGKILL after $(grep -c 'metrics sealed' "$work/train.out") epochs"

cp -R "$work/run" "$work/old"

say "4. the run resumes with a key of its own, and is stopped by SIGTERM"
worker
train guest --resume "$work/run" >"$work/resume.out" 2>&1 &
trainer=$!
processes="$processes $trainer"
await "$work/resume.out" 'metrics sealed'
tries=0
until [ "$(grep -c 'metrics sealed' "$work/resume.out")" -ge 4 ]; do
  tries=$((tries + 1))
  [ $tries -lt 3000 ] || fail "the resumed run does not go on"
  sleep 0.1
done
kill -TERM "$trainer"
wait "$trainer" || [ $? = 143 ] || fail "the resumed run did not end by SIGTERM"
tail -n 4 "$work/resume.out" | as trainer

say "5. the model is exported, sealed; its owner opens it"
"$asymml" export --run "$work/run" --out "$work/model.onnx.sealed" --owner "$owner" --owner-key "$work/owner.pem" \
  --require-tee snp --tee-root "$work/guest" 2>&1 | as trainer
[ -f "$work/model.onnx.sealed" ] || fail "no model was exported"
"$asymml" owner open "$work/model.onnx.sealed" "$work/model.onnx" --key "$work/data.key" 2>&1 | as owner
"$asymml" owner open "$work/run" "$work/opened" --key "$work/data.key" 2>&1 | as owner
"$asymml" eval --run "$work/opened" --data "$work/images" 2>&1 | as owner

say "6. what is refused"
# refused NAME TREE REASON OPTION...
refused() {
  name=$1 tree=$2 reason=$3
  shift 3
  before=$(wc -l <"$work/owner.log")
  if (train "$tree" "$@") >"$work/refused.out" 2>&1; then
    fail "$name was not refused"
  fi
  grep -q "refused, see the owner's log" "$work/refused.out" || fail "$name: $(cat "$work/refused.out")"
  tail -n +$((before + 1)) "$work/owner.log" | grep -q -e "$reason" || fail "$name: not because of '$reason'"
  say "refused: $name: $(tail -n 1 "$work/owner.log" | sed 's/.*"reasons"://')"
  [ ! -e "$work/refused" ] || fail "$name: a run directory was made"
}
refused "another program" changed 'measurement' --data "$work/images.sealed" --model cnn --out "$work/refused"
refused "a debugged guest" debugged 'debug' --data "$work/images.sealed" --model cnn --out "$work/refused"
refused "a report of another request, as replayed or for another configuration" replaying 'report data' \
  --data "$work/images.sealed" --model cnn --out "$work/refused"
refused "settings beyond the policy" guest 'run mode' --data "$work/images.sealed" --model cnn --mode dp-only \
  --out "$work/refused"

worker
if (train guest --resume "$work/old") >"$work/refused.out" 2>&1; then
  fail "an old copy of the run was resumed"
fi
grep -q 'this is an old copy of the run' "$work/refused.out" || fail "an old copy: $(cat "$work/refused.out")"
say "refused: an old copy of the run: $(grep 'this is an old copy' "$work/refused.out" | sed 's/.*asymml: //; s/;.*//')"

say "7. nothing in clear in the run directory"
for word in crimson cobalt testLoss; do
  grep -rqs -a -e "$word" "$work/images" "$work/opened" || fail "'$word' would not be found"
  if grep -rqs -a -e "$word" "$work/run" "$work/model.onnx.sealed" "$work/train.out" "$work/resume.out"; then
    fail "'$word' is in clear"
  fi
done
key=$(sed 's/.* //' "$work/data.key")
if grep -rqs -a -e "$key" "$work/run" "$work/train.out" "$work/resume.out" "$work/owner.log" "$work/owner.out"; then
  fail "the key is in clear"
fi
find "$work/run" -type f | sort | sed "s|^$work/||" | as run
say "all as it should be; everything is in $work"
