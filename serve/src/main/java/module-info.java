/// A trained model that answers HTTP requests.
module asymml.serve {
  requires static transitive org.jspecify;
  requires transitive asymml.session;
  requires org.eclipse.jetty.server;
  requires tools.jackson.core;

  exports asymml.serve;
}
