package asymml.model;

import org.jspecify.annotations.Nullable;

/// Which network is trained: one of the zoo, by its name, or one that is described.
///
/// @param name of the network
/// @param description its text ([ModelDescription#yaml]); null for one of the zoo
public record Architecture(String name, @Nullable String description) {
  /// Reads what [#text] gives: a name of the zoo, or a description, which has several lines.
  ///
  /// @param text either
  /// @return the architecture
  /// @throws IllegalArgumentException one line, if there is no such network, or the description is
  ///   wrong
  public static Architecture of(String text) {
    if (text.contains("\n")) {
      return of(ModelDescription.parse(text));
    }
    Zoo.requireName(text);
    return new Architecture(text, null);
  }

  /// A network that is described.
  ///
  /// @param description its layers
  /// @return the architecture
  public static Architecture of(ModelDescription description) {
    return new Architecture(description.name(), description.yaml());
  }

  /// Whether it is none of the zoo.
  ///
  /// @return true if it is described
  public boolean described() {
    return description != null;
  }

  /// All of it as text.
  ///
  /// @return the name of one of the zoo, or the description
  public String text() {
    return description == null ? name : description;
  }

  /// The network for images and classes.
  ///
  /// @param input shape of one image
  /// @param classes number of logits, at least 2
  /// @param norm the normalisation of a network of the zoo; a described one has its own
  /// @return its graph
  /// @throws IllegalArgumentException one line, if it does not fit
  public Graph graph(Shape input, int classes, Zoo.Norm norm) {
    return description == null
        ? Zoo.build(name, input, classes, norm)
        : ModelDescription.parse(description).graph(input, classes);
  }
}
