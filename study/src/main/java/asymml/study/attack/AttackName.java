package asymml.study.attack;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// The attacks, in the order of tables.
public enum AttackName {
  /// Inputs from gradients, by linear equations.
  GRADIENT_SOLVE(
      "gradient-solve",
      "Gradient solve",
      "inputs of layers",
      "solve",
      "cosine",
      "Phong et al., IEEE TIFS 2018; Zhu and Blaschko, R-GAP, ICLR 2021",
      "dY, and dW: the worker's own, and that of two successive weights",
      "u^2 O + u^3 / 6 multiply-adds for u = batch x map unknowns a channel"),
  /// Which activations are positive, from gradients of neighbouring layers.
  MASK(
      "mask",
      "Activation mask and norm leak",
      "activations",
      "mask",
      "activation cosine",
      "Melis et al., IEEE S&P 2019; Boenisch et al., EuroS&P 2023; through batch norm: this project",
      "dX of one layer and dY of the layer before",
      "a few passes over dX"),
  /// Images from what [#MASK] found at the first layer.
  IMAGE(
      "image",
      "Image from the first layer's mask",
      "images",
      "image",
      "cosine",
      "Dosovitskiy and Brox, CVPR 2016, with a linear map; He et al., ACSAC 2019",
      "what the mask attack found at the first layer, its weights, public images",
      "a ridge regression with at most 600 features"),
  /// The directions that a split withholds, from what it sends.
  SUBSPACE(
      "subspace",
      "Hidden subspace",
      "withheld directions",
      "span",
      "squared cosine",
      "Schmidt, IEEE TAP 1986",
      "residuals",
      "an eigendecomposition C x C"),
  /// Whether a candidate was in the batch, from the span of residuals.
  MEMBERSHIP(
      "membership",
      "Span membership",
      "members of the batch",
      "member",
      "AUC",
      "Melis et al., IEEE S&P 2019; the span: this project",
      "residuals, and candidates' activations",
      "N^2 products of examples, N for each candidate"),
  /// Images whose gradients are the observed ones, by optimisation.
  GRADIENT_INVERSION(
      "gradient-inversion",
      "Gradient inversion by optimisation",
      "images",
      "invert",
      "SSIM",
      "Zhu et al., DLG, NeurIPS 2019; Geiping et al., NeurIPS 2020",
      "two successive weights of every layer at the worker, on a batch of few images",
      "three training steps of the batch an iteration"),
  /// Images from residuals, by a decoder trained on public images.
  MODEL_INVERSION(
      "model-inversion",
      "Model inversion by a decoder",
      "images",
      "decoder",
      "cosine",
      "Dosovitskiy and Brox, CVPR 2016; He et al., ACSAC 2019",
      "residuals of the first layer at the worker, weights, public images",
      "training a decoder of three convolutions on public images"),
  /// Whether a candidate was trained on, from the finished model.
  RELEASED_MEMBERSHIP(
      "released-membership",
      "Membership in the released model",
      "members of the training set",
      "released",
      "AUC",
      "Carlini et al., LiRA, IEEE S&P 2022; Yeom et al., IEEE CSF 2018",
      "the finished model's weights; nothing of the worker's view",
      "training shadow models as the run was trained");

  private final String label;
  private final String title;
  private final String target;
  private final String heading;
  private final String headline;
  private final String source;
  private final String reads;
  private final String cost;

  AttackName(
      String label,
      String title,
      String target,
      String heading,
      String headline,
      String source,
      String reads,
      String cost) {
    this.label = label;
    this.title = title;
    this.target = target;
    this.heading = heading;
    this.headline = headline;
    this.source = source;
    this.reads = reads;
    this.cost = cost;
  }

  /// The attacks of a name.
  ///
  /// @param label of one, or `all`
  /// @return at least one
  /// @throws IllegalArgumentException if the name is none
  public static Set<AttackName> named(String label) {
    if (label.equals("all")) {
      return EnumSet.allOf(AttackName.class);
    }
    return Arrays.stream(values())
        .filter(name -> name.label.equals(label))
        .findFirst()
        .map(EnumSet::of)
        .orElseThrow(() ->
            new IllegalArgumentException(
                "'%s' is none of %s"
                    .formatted(
                        label,
                        Stream.concat(
                                Arrays.stream(values()).map(AttackName::label), Stream.of("all"))
                            .collect(Collectors.joining(", ")))));
  }

  /// Its name on a command line and in files.
  ///
  /// @return lower-case words with dashes
  public String label() {
    return label;
  }

  /// Its name in words.
  ///
  /// @return a title
  public String title() {
    return title;
  }

  /// What it recovers where it succeeds.
  ///
  /// @return a plural noun
  public String target() {
    return target;
  }

  /// A word for a column.
  ///
  /// @return a heading
  public String heading() {
    return heading;
  }

  /// What the measures that stand for the attack have in their names.
  ///
  /// @return part of the names
  public String headline() {
    return headline;
  }

  /// Where it was published.
  ///
  /// @return authors and venues
  public String source() {
    return source;
  }

  /// What it reads.
  ///
  /// @return in words
  public String reads() {
    return reads;
  }

  /// What it costs.
  ///
  /// @return in words
  public String cost() {
    return cost;
  }
}
