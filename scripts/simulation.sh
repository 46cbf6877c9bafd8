# What the scripts that play a TEE share; they read it by '.'. It expects the checkout in $home and the path of
# a new folder in $work, and ends at exit what is listed in $processes.
mark='SIMULATION: not protected'
processes=

say() {
  echo "$mark: $1"
}

fail() {
  say "FAILED: $1" >&2
  exit 1
}

# Ends what the script has started.
finish() {
  for process in $processes; do
    kill "$process" 2>/dev/null || true
  done
}
trap finish EXIT
trap 'exit 130' INT TERM

# Waits until a file holds a text.
await() {
  tries=0
  until grep -qs -e "$2" "$1"; do
    tries=$((tries + 1))
    [ $tries -lt 3000 ] || fail "no '$2' in $1 after five minutes"
    sleep 0.1
  done
}

# The machine that does not exist. Runs in place of the subshell that calls it, so that $! is its process.
machine() {
  exec "$jdk/bin/java" -cp "$home/attest/target/test-classes:$home/attest/target/classes:$(echo "$home"/cli/target/lib/*.jar | tr ' ' ':')" \
    asymml.attest.SimulatedTee "$@"
}

# Lets the machine's policy accept runs.
accept_runs() {
  await "$work/machine.log" serves
  cat >>"$work/policy.yaml" <<'END'
run:
  modes: [asymml]
  shields: [residual]
  leastNoiseMultiplier: any
  releaseModel: false
  rollback: owner
END
}

# Starts the owner's server; its address is then in $owner.
serve_owner() {
  "$asymml" owner serve --listen tls:127.0.0.1:0 --tls-keystore "$work/owner.p12" --tls-password-file "$work/password" \
    --key "$work/data.key" --policy "$work/policy.yaml" --log "$work/owner.log" --leases "$work/leases" \
    >"$work/owner.out" 2>&1 &
  processes="$processes $!"
  await "$work/owner.out" '^serving '
  owner=$(sed -n 's/^serving  *\(tls:[^,]*\),.*/\1/p' "$work/owner.out")
}

# Makes the folder and builds the program and the tests' machine.
prepare() {
  [ ! -e "$work" ] || fail "$work exists"
  mkdir -p "$work"
  asymml=$home/asymml
  "$asymml" models >/dev/null 2>"$work/build.log" || fail "the build: $(cat "$work/build.log")"
  jdk=$("$asymml" env 2>/dev/null | sed -n 's/^Java  *[^,]*, //p')
  (cd "$home" && JAVA_HOME=$jdk mvn -q -B -DskipTests -Dspotless.check.skip=true -pl attest test-compile) >"$work/build.log" 2>&1 ||
    fail "the tests of attest do not compile: see $work/build.log"
}
