/// The public Java API of the trusted half: specifications of runs, workers, and training sessions.
module asymml.session {
  requires static transitive org.jspecify;
  requires transitive asymml.attest;
  requires transitive asymml.interop;
  requires transitive asymml.trusted;
  requires tools.jackson.databind;
  requires tools.jackson.dataformat.yaml;

  exports asymml.session;
  exports asymml.session.owner;
}
