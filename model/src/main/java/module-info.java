/// The layer graph, the model zoo, initialisers and model files.
module asymml.model {
  requires static transitive org.jspecify;
  requires tools.jackson.databind;
  requires tools.jackson.dataformat.yaml;

  exports asymml.model;
}
