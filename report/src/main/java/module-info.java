/// Figures, charts and the HTML report, made of files and plain records.
module asymml.report {
  requires static transitive org.jspecify;
  requires transitive asymml.privacy;
  requires asymml.session;
  requires transitive asymml.study;
  requires transitive asymml.trusted;
  requires java.desktop;
  requires org.jsoup;
  requires org.knowm.xchart;
  requires tools.jackson.databind;

  exports asymml.report;
}
