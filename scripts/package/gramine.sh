# Part of scripts/package.sh: the manifests for Gramine 1.9.

mebibytes() {
  du -smL "$@" | awk '{ sum += $1 } END { print sum }'
}

# Threads beside those that compute: the JVM's own with these flags and those of the connections (29 were counted
# with one worker), OpenMP's for each that computes, and Gramine's four. Its example for Java has 64.
slots=$((60 + 2 * threads))

# A power of two above all that can be allocated: heap, compiled code, classes, tensors, stacks, the Java runtime and
# libraries, which are copied into the enclave, and Gramine with its books.
need=$((heap + code + metaspace + tensors + slots * stack + $(mebibytes "$tree/runtime" "$tree/lib" "$tree/native") + 256))
size=1024
while [ $size -lt $need ]; do
  size=$((size * 2))
done

# The items of stdin as strings of TOML, a line each.
strings() {
  sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/  "&",/'
}

# Every file of the package with its digest. Gramine's own are added when the manifest is signed.
trusted() {
  (cd "$out" && find asymml owner -type f | LC_ALL=C sort | xargs sha256sum) |
    awk '{ digest = $1; sub("^[^ ]+ [ *]", ""); printf "  { uri = \"file:%s\", sha256 = \"%s\" },\n", $0, digest }'
  printf '  "file:%s",\n' "$gramine/libsysdb.so" "$gramine/runtime/glibc/"
}
trusted >"$out/trusted"

for action in train resume export; do
  {
    cat <<END
# asymml $action in an enclave of Intel SGX, by Gramine 1.9; written by scripts/package.sh. Run in this folder.
loader.entrypoint.uri = "file:$gramine/libsysdb.so"
libos.entrypoint = "$at/runtime/bin/java"
loader.log_level = "error"
loader.argv = [
END
    { echo "$at/runtime/bin/java" && java_options && arguments $action; } | strings
    echo ']'
    environment /lib: | sed 's/\([^=]*\)=\(.*\)/loader.env.\1 = "\2"/'
    cat <<END

# Nothing of the host's tree but these folders. What is written goes to runs/ alone.
fs.root = { type = "tmpfs" }
fs.start_dir = "/"
fs.mounts = [
  { path = "/lib", uri = "file:$gramine/runtime/glibc" },
  { path = "$at", uri = "file:asymml" },
  { path = "/owner", uri = "file:owner" },
  { path = "$given", uri = "file:given" },
  { path = "/data", uri = "file:data" },
  { path = "$runs", uri = "file:runs" },
]

sys.stack.size = "${stack}M"
# Workers are reached by TLS: none is started.
sys.disallow_subprocesses = true
# The host's name servers; whom a name leads to is proved by keys.
sys.enable_extra_runtime_domain_names_conf = true
# The run is saved and stops.
sys.enable_sigterm_injection = true

sgx.debug = false
sgx.remote_attestation = "dcap"
sgx.enclave_size = "${size}M"
sgx.max_threads = $slots
sgx.edmm_enable = false
# The JVM reads the addresses of page faults.
sgx.use_exinfo = true
sgx.isvprodid = 1
sgx.isvsvn = 1
sgx.file_check_policy = "strict"

# Not measured: settings and workers' certificates, whose digest or effect is part of the evidence; the sealed images;
# and the run directory, of which all that is private is sealed.
sgx.allowed_files = [
  "file:given/",
  "file:data/",
  "file:runs/",
]

sgx.trusted_files = [
END
    cat "$out/trusted"
    echo ']'
  } >"$out/$action.manifest"
done
rm "$out/trusted"
mkdir "$out/given" "$out/data" "$out/runs"

echo "$out: manifests to train, resume and export; enclave of $size MiB ($need are needed), $slots threads," \
  "$(grep -c 'sha256 = ' "$out/train.manifest") trusted files"
echo "Next, where Gramine is installed, in that folder:"
echo "  gramine-sgx-sign --manifest train.manifest --output train.manifest.sgx --key enclave-key.pem"
echo "  gramine-sgx train"
