package asymml.attest;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import javax.imageio.ImageIO;

/// A machine that does not exist, with guests of SEV-SNP: file trees in which a thread plays the
/// kernel (configfs-tsm), all under one root of tests. It protects nothing. `scripts/demo-tee.sh`
/// runs it as a process.
public final class SimulatedTee {
  private static final byte[] MEASUREMENT = filled(0x51);

  private final SyntheticGuest guest = new SyntheticGuest();
  private final byte[] table = guest.table();

  /// Makes the hierarchy.
  ///
  /// @throws Exception if the cryptography fails
  public SimulatedTee() throws Exception {}

  private static byte[] filled(int value) {
    byte[] bytes = new byte[48];
    Arrays.fill(bytes, (byte) value);
    return bytes;
  }

  /// Begins a guest with the program that the policy accepts.
  ///
  /// @param root of its file tree; made
  /// @return the same
  /// @throws Exception if it cannot be made
  public Path guest(Path root) throws Exception {
    FakeTsm.guests(root, data -> guest.report(data, MEASUREMENT, false), table);
    return root;
  }

  /// Begins a guest with another program.
  ///
  /// @param root of its file tree; made
  /// @return the same
  /// @throws Exception if it cannot be made
  public Path changedGuest(Path root) throws Exception {
    FakeTsm.guests(root, data -> guest.report(data, filled(0x52), false), table);
    return root;
  }

  /// Begins a guest whose memory its host can read.
  ///
  /// @param root of its file tree; made
  /// @return the same
  /// @throws Exception if it cannot be made
  public Path debuggedGuest(Path root) throws Exception {
    FakeTsm.guests(root, data -> guest.report(data, MEASUREMENT, true), table);
    return root;
  }

  /// Begins a guest that answers with the report of an earlier request.
  ///
  /// @param root of its file tree; made
  /// @return the same
  /// @throws Exception if it cannot be made
  public Path replayingGuest(Path root) throws Exception {
    byte[] recorded = guest.report(new byte[64], MEASUREMENT, false);
    FakeTsm.guests(root, _ -> recorded, table);
    return root;
  }

  /// The part of an owner's policy that accepts [#guest], and no other.
  ///
  /// @return YAML, without `run`
  public String policy() {
    return guest.policy(MEASUREMENT);
  }

  /// Noisy squares of 32 x 32 pixels, as large as those of CIFAR-10, red or blue.
  private static void draw(Path folder, int train, int test) throws IOException {
    Random random = new Random(17);
    for (int i = 0; i < train + test; i++) {
      boolean red = i % 2 == 0;
      BufferedImage image = new BufferedImage(32, 32, BufferedImage.TYPE_INT_RGB);
      for (int p = 0; p < 32 * 32; p++) {
        int bright = 128 + random.nextInt(128);
        int dark = random.nextInt(128);
        image.setRGB(
            p % 32,
            p / 32,
            red ? bright << 16 | dark << 8 | dark : dark << 16 | dark << 8 | bright);
      }
      Path split = folder.resolve(i < train ? "train" : "test");
      Path target = Files.createDirectories(split.resolve(red ? "crimson" : "cobalt"));
      ImageIO.write(image, "png", target.resolve(i + ".png").toFile());
    }
    System.out.println("drawn: " + (train + test) + " images");
  }

  /// Runs until it is killed. Writes `policy.yaml` to a folder, last.
  ///
  /// @param arguments the folder, in which the file trees `guest`, `changed`, `debugged` and
  ///   `replaying` are made; or, to draw images and end, the folder, `images`, where to, how many
  ///   for training and how many for testing
  /// @throws Exception if something cannot be made
  public static void main(String[] arguments) throws Exception {
    Path folder = Path.of(arguments[0]);
    if (arguments.length > 1) {
      draw(Path.of(arguments[2]), Integer.parseInt(arguments[3]), Integer.parseInt(arguments[4]));
      return;
    }
    SimulatedTee machine = new SimulatedTee();
    machine.guest(folder.resolve("guest"));
    machine.changedGuest(folder.resolve("changed"));
    machine.debuggedGuest(folder.resolve("debugged"));
    machine.replayingGuest(folder.resolve("replaying"));
    Files.writeString(folder.resolve("policy.part"), machine.policy());
    Files.move(folder.resolve("policy.part"), folder.resolve("policy.yaml"));
    System.out.println("SIMULATION: not protected: a machine that does not exist serves " + folder);
    Thread.currentThread().join();
  }
}
