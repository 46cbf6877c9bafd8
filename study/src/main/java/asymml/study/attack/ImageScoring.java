package asymml.study.attack;

import asymml.analysis.Maps;
import asymml.analysis.score.ChanceDeviation;
import asymml.analysis.score.ImageScores;
import asymml.analysis.score.MapScores;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/// Scores rebuilt images against the true ones, and keeps a picture of each attack's best.
final class ImageScoring {
  /// The SSIM of unrelated images lies within this of that of the mean image.
  private static final double SSIM_OF_NOISE = 0.1;

  private final AttackContext context;
  private final AttackImages images;
  private final Maps truths;
  private final List<AttackPicture> pictures = new ArrayList<>();

  ImageScoring(AttackContext context, AttackImages images) {
    this.context = context;
    this.images = images;
    this.truths = Maps.of(context.truth().images());
  }

  List<AttackPicture> pictures() {
    return List.copyOf(pictures);
  }

  /// Scores rebuilt images, and keeps a picture of the best of an attack.
  ///
  /// @param from what they were rebuilt from; empty if there is but one way
  /// @param found the images, normalised
  /// @param best what the attack makes of the clear data
  void add(AttackName name, int node, String from, Maps found, Maps best) {
    add(name, node, from, found, best, false);
  }

  /// Scores images that came without their order: each is taken for the true one that it is most
  /// like, and so is the guess, as many public images.
  void addUnordered(AttackName name, int node, Maps found, Maps best) {
    add(name, node, "", MapScores.matched(found, truths), MapScores.matched(best, truths), true);
  }

  /// Whether unordered images are more like the true ones, in SSIM, than the mean public image is,
  /// by more than noise comes to; in PSNR where they are too small for that.
  boolean betterThanMean(Maps unordered) {
    Maps pixels = images.pixels(truths);
    Maps mean =
        images.pixels(AttackImages.mean(context.known(context.publicImages()), truths.examples()));
    Maps found = images.pixels(MapScores.matched(unordered, truths));
    return hasSsim(pixels)
        ? ImageScores.ssim(found, pixels) > ImageScores.ssim(mean, pixels) + SSIM_OF_NOISE
        : ImageScores.psnr(found, pixels) > ImageScores.psnr(mean, pixels);
  }

  /// As many public images as there are true ones; where there are fewer, some again.
  private Maps strangers() {
    Maps known = context.known(truths.examples());
    int[] order = IntStream.range(0, truths.examples()).map(i -> i % known.examples()).toArray();
    return known.pick(order, 0, order.length);
  }

  private static boolean hasSsim(Maps pixels) {
    return pixels.height() >= 8 && pixels.width() >= 8;
  }

  private void add(AttackName name, int node, String from, Maps found, Maps best, boolean matched) {
    Maps strangers = matched ? MapScores.matched(strangers(), truths) : truths.zeros();
    Maps pixels = images.pixels(truths);
    Maps guess =
        images.pixels(AttackImages.mean(context.known(context.publicImages()), truths.examples()));
    Maps rebuilt = images.pixels(found);
    Maps possible = images.pixels(best);
    String prefix = from.isEmpty() ? "" : from + ": ";
    double psnr = ImageScores.psnr(rebuilt, pixels);
    context.add(
        name,
        node,
        prefix + "PSNR, dB",
        psnr,
        ImageScores.psnr(guess, pixels),
        ImageScores.psnr(possible, pixels));
    if (hasSsim(pixels)) {
      context.add(
          name,
          node,
          prefix + "SSIM",
          ImageScores.ssim(rebuilt, pixels),
          ImageScores.ssim(guess, pixels),
          ImageScores.ssim(possible, pixels));
    }
    context.add(
        name,
        node,
        prefix + "cosine",
        MapScores.cosine(found, truths),
        MapScores.cosine(strangers, truths),
        MapScores.cosine(best, truths),
        matched ? 0 : ChanceDeviation.cosine(found, truths));
    context.add(
        name,
        node,
        prefix + "re-identified",
        MapScores.reidentified(found, truths),
        matched ? MapScores.reidentified(strangers, truths) : 1.0 / truths.examples(),
        MapScores.reidentified(best, truths));
    if (pictures.stream().noneMatch(p -> p.attack() == name && p.psnr() >= psnr)) {
      pictures.removeIf(picture -> picture.attack() == name);
      pictures.add(
          new AttackPicture(
              name, context.architecture().name(node), pixels, context.sent(node), rebuilt, psnr));
    }
  }
}
