package asymml.cli;

/// The attacks of `asymml attack`, in the table's order.
enum AttackName {
  GRADIENT_SOLVE(
      "gradient-solve",
      "Gradient solve",
      "solve",
      "cosine",
      "Phong et al., IEEE TIFS 2018; Zhu and Blaschko, R-GAP, ICLR 2021",
      "dY, and dW: the worker's own, and that of two successive weights",
      "u^2 O + u^3 / 6 multiply-adds for u = batch x map unknowns a channel"),
  MASK(
      "mask",
      "Activation mask and norm leak",
      "mask",
      "activation cosine",
      "Melis et al., IEEE S&P 2019; Boenisch et al., EuroS&P 2023; through batch norm: this project",
      "dX of one layer and dY of the layer before",
      "a few passes over dX"),
  IMAGE(
      "image",
      "Image from the first layer's mask",
      "image",
      "cosine",
      "Dosovitskiy and Brox, CVPR 2016, with a linear map; He et al., ACSAC 2019",
      "what the mask attack found at the first layer, its weights, public images",
      "a ridge regression with at most 600 features"),
  SUBSPACE(
      "subspace",
      "Hidden subspace",
      "span",
      "squared cosine",
      "Schmidt, IEEE TAP 1986",
      "residuals",
      "an eigendecomposition C x C"),
  MEMBERSHIP(
      "membership",
      "Span membership",
      "member",
      "AUC",
      "Melis et al., IEEE S&P 2019; the span: this project",
      "residuals, and candidates' activations",
      "N^2 products of examples, N for each candidate"),
  GRADIENT_INVERSION(
      "gradient-inversion",
      "Gradient inversion by optimisation",
      "invert",
      "SSIM",
      "Zhu et al., DLG, NeurIPS 2019; Geiping et al., NeurIPS 2020",
      "two successive weights of every layer at the worker, on a batch of few images",
      "three training steps of the batch an iteration"),
  MODEL_INVERSION(
      "model-inversion",
      "Model inversion by a decoder",
      "decoder",
      "cosine",
      "Dosovitskiy and Brox, CVPR 2016; He et al., ACSAC 2019",
      "residuals of the first layer at the worker, weights, public images",
      "training a decoder of three convolutions on public images"),
  RELEASED_MEMBERSHIP(
      "released-membership",
      "Membership in the released model",
      "released",
      "AUC",
      "Carlini et al., LiRA, IEEE S&P 2022; Yeom et al., IEEE CSF 2018",
      "the finished model's weights; nothing of the worker's view",
      "training shadow models as the run was trained");

  private final String label;
  private final String title;
  private final String heading;
  private final String headline;
  private final String source;
  private final String reads;
  private final String cost;

  AttackName(
      String label,
      String title,
      String heading,
      String headline,
      String source,
      String reads,
      String cost) {
    this.label = label;
    this.title = title;
    this.heading = heading;
    this.headline = headline;
    this.source = source;
    this.reads = reads;
    this.cost = cost;
  }

  String label() {
    return label;
  }

  String title() {
    return title;
  }

  /// A word for a column.
  String heading() {
    return heading;
  }

  /// What the measures that stand for the attack have in their names.
  String headline() {
    return headline;
  }

  String source() {
    return source;
  }

  String reads() {
    return reads;
  }

  String cost() {
    return cost;
  }
}
