/// Evidence of trusted execution environments: readers, verifiers, policies and where a trusted
/// process gets its own.
module asymml.attest {
  requires static transitive org.jspecify;
  requires tools.jackson.databind;
  requires tools.jackson.dataformat.yaml;

  exports asymml.attest;
  exports asymml.attest.amd;
  exports asymml.attest.intel;
  exports asymml.attest.nvidia;
  exports asymml.attest.policy;
  exports asymml.attest.release;
  exports asymml.attest.seal;
  exports asymml.attest.source;
}
