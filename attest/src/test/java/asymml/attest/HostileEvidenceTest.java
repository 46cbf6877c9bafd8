package asymml.attest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.attest.amd.SigningKey;
import asymml.attest.amd.SnpCertificates;
import asymml.attest.amd.SnpReport;
import asymml.attest.intel.Collateral;
import asymml.attest.intel.Quote;
import asymml.attest.nvidia.GpuReport;
import asymml.attest.policy.Evidence;
import asymml.attest.policy.EvidenceVerifier;
import asymml.attest.policy.Policy;
import asymml.attest.policy.PolicyFile;
import asymml.attest.policy.Verdict;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Damaged evidence ends in a refusal under the right name or in an [EvidenceException], and in
/// nothing else.
class HostileEvidenceTest {
  private static final int MUTATIONS = Integer.getInteger("asymml.mutations", 400);
  private static final long SEED = Long.getLong("asymml.seed", 17);

  private static final String UNREADABLE = "unreadable";

  /// A field of evidence and the names of which a flipped bit in it must give one.
  private record Field(String name, int offset, int size, List<String> refusedAs) {}

  /// One of each form; the others too where many mutations are asked for.
  private static final List<String> FORMS =
      List.of(
          "sgx-v3-phala",
          "tdx-v4-phala",
          "tdx-v5-alibaba",
          "milan-v2",
          "milan-v3-vlek",
          "genoa-v3",
          "turin-v5",
          "nvidia-h100-driver-550");

  /// Those whose signatures hold, each file once.
  static Stream<Specimen> genuine() throws IOException {
    List<Specimen> all =
        Specimen.all()
            .filter(s -> s.text("signatures").equals("valid"))
            .filter(s -> s.texts("problems").isEmpty())
            .filter(s -> MUTATIONS >= 100_000 || FORMS.contains(s.id()))
            .toList();
    List<String> files = all.stream().map(s -> s.text("evidence")).toList();
    return all.stream().filter(s -> files.indexOf(s.text("evidence")) == all.indexOf(s));
  }

  private static int u16(byte[] bytes, int at) {
    return (bytes[at] & 0xff) | (bytes[at + 1] & 0xff) << 8;
  }

  private static final class Fields {
    private final List<Field> all = new ArrayList<>();
    private int at;

    Fields add(String name, int size, String... refusedAs) {
      all.add(new Field(name, at, size, List.of(refusedAs)));
      at += size;
      return this;
    }
  }

  private static List<Field> quote(byte[] bytes, boolean tdx) {
    int version = u16(bytes, 0);
    String signature = "quote signature";
    Fields fields =
        new Fields()
            .add("version", 2, UNREADABLE)
            .add("key type", 2, UNREADABLE)
            .add("TEE type", 4, UNREADABLE)
            .add("QE SVN, PCE SVN", 4, signature)
            .add("vendor", 16, UNREADABLE)
            .add("user data", 20, signature);
    int body = tdx ? 584 : 384;
    if (version == 5) {
      body = u16(bytes, 50);
      fields.add("body type", 2, UNREADABLE).add("body size", 4, UNREADABLE);
    }
    List<Integer> sizes =
        tdx
            ? List.of(16, 48, 48, 8, 8, 8, 48, 48, 48, 48, 48, 48, 48, 48, 64)
            : List.of(16, 4, 28, 8, 8, 32, 32, 32, 32, 64, 2, 2, 2, 58, 64);
    int named = 0;
    for (int i = 0; i < sizes.size(); i++) {
      fields.add("body field " + i, sizes.get(i), signature);
      named += sizes.get(i);
    }
    if (named < body) {
      fields.add("TEE_TCB_SVN2", 16, signature).add("MRSERVICETD", 48, signature);
    }
    fields
        .add("length of signature data", 4, UNREADABLE)
        .add("signature, r", 32, signature)
        .add("signature, s", 32, signature)
        .add("attestation key", 64, "attestation key");
    if (version > 3) {
      fields.add("outer type", 2, UNREADABLE).add("outer length", 4, UNREADABLE);
    }
    for (int size : List.of(16, 4, 28, 16, 32, 32, 32, 96, 2, 2, 60, 64)) {
      fields.add("QE report", size, "QE report signature");
    }
    fields.add("QE report signature", 64, "QE report signature");
    int authentication = u16(bytes, fields.at);
    fields
        .add("length of authentication data", 2, UNREADABLE)
        .add("authentication data", authentication, "attestation key binding")
        .add("certification type", 2, "no PCK certificate chain in the quote");
    int certificates = u16(bytes, fields.at);
    fields.add("length of certificates", 4, UNREADABLE);
    for (int part = 0; part < 12; part++) {
      int size = part < 11 ? certificates / 12 : certificates - 11 * (certificates / 12);
      fields.add("certificates", size, "PCK certificate chain", "untrusted root");
    }
    return fields.all;
  }

  private static List<Field> snp() {
    String signature = "report signature";
    Fields fields = new Fields().add("version", 4, UNREADABLE, "unknown product", signature);
    for (int size : List.of(4, 8, 16, 16, 4)) {
      fields.add("before the algorithm", size, signature);
    }
    fields.add("algorithm", 4, UNREADABLE).add("current TCB", 8, signature);
    fields.add("platform info", 8, signature);
    fields.add("flags", 4, signature, "report without signing key");
    for (int size : List.of(4, 64, 48, 32, 48, 48, 32, 32)) {
      fields.add("at " + fields.at, size, signature);
    }
    fields
        .add("reported TCB", 8, signature)
        .add("CPUID", 3, signature, "unknown product")
        .add("reserved", 21, signature)
        .add("chip id", 64, "chip id differs from certificate hwID", signature);
    for (int size : List.of(8, 3, 1, 3, 1, 8, 16, 152, 48, 24, 48, 24, 368)) {
      fields.add("at " + fields.at, size, signature);
    }
    return fields.all;
  }

  private static List<Field> gpu(byte[] bytes) {
    int size = u16(bytes, 42);
    int opaque = 37 + 8 + size + 32;
    Fields fields =
        new Fields()
            .add("request code", 2, UNREADABLE)
            .add("request parameters", 2, "signature")
            .add("nonce", 32, "signature")
            .add("slot", 1, "signature")
            .add("response code", 2, UNREADABLE)
            .add("response parameters", 2, "signature")
            .add("blocks", 1, UNREADABLE)
            .add("length", 3, UNREADABLE)
            .add("block header", 2, "signature")
            .add("block size", 2, UNREADABLE);
    fields.at = 37 + 8 + size;
    return fields
        .add("nonce of the response", 32, "signature")
        .add("length of opaque data", 2, UNREADABLE, "signature")
        .add("opaque data", u16(bytes, opaque), UNREADABLE, "signature")
        .add("signature", 96, "signature")
        .all;
  }

  @ParameterizedTest
  @MethodSource("genuine")
  void a_flipped_bit_in_any_field_is_refused_under_its_name(Specimen specimen) throws Exception {
    byte[] bytes = specimen.bytes();
    List<Field> fields =
        switch (Evidence.kind(bytes)) {
          case QUOTE -> quote(bytes, specimen.text("tee").equals("tdx"));
          case SNP -> snp();
          case GPU -> gpu(bytes);
        };
    Policy policy = PolicyFile.parse(specimen.policy());
    SplittableRandom random = new SplittableRandom(SEED);
    for (Field field : fields) {
      byte[] flipped = bytes.clone();
      int at = field.offset + random.nextInt(field.size);
      flipped[at] ^= (byte) (1 << random.nextInt(8));
      List<String> names;
      try {
        Verdict verdict =
            EvidenceVerifier.verify(
                specimen.evidence(flipped), policy, specimen.at(), Optional.empty());
        names = verdict.problems().stream().map(Finding::name).toList();
      } catch (EvidenceException e) {
        names = List.of(UNREADABLE);
      }
      assertThat(names)
          .as("seed %s, %s: one of %s at %s", SEED, field.name, field.refusedAs, at)
          .anyMatch(field.refusedAs::contains);
    }
  }

  @ParameterizedTest
  @MethodSource("genuine")
  void a_cut_at_any_length_is_noticed(Specimen specimen) throws Exception {
    byte[] bytes = specimen.bytes();
    Evidence evidence = specimen.evidence();
    int needed =
        bytes.length
            - switch (evidence) {
              case Evidence.Intel intel -> intel.quote().trailingBytes();
              case Evidence.Snp _ -> 0;
              case Evidence.Gpu gpu -> gpu.report().trailingBytes();
            };
    for (int length = 0; length < needed; length++) {
      byte[] cut = Arrays.copyOf(bytes, length);
      assertThatThrownBy(
              () -> {
                switch (evidence) {
                  case Evidence.Intel _ -> Quote.parse(cut);
                  case Evidence.Snp _ -> SnpReport.parse(cut);
                  case Evidence.Gpu _ -> GpuReport.parse(cut);
                }
              })
          .isInstanceOf(EvidenceException.class);
    }
  }

  @ParameterizedTest
  @MethodSource("genuine")
  void a_length_of_four_gigabytes_allocates_nothing(Specimen specimen) throws Exception {
    if (!specimen.isQuote()) {
      return;
    }
    byte[] bytes = specimen.bytes();
    for (Field field : quote(bytes, specimen.text("tee").equals("tdx"))) {
      if (field.name.contains("length") || field.name.contains("size")) {
        byte[] large = bytes.clone();
        Arrays.fill(large, field.offset, field.offset + field.size, (byte) 0xff);
        assertThatThrownBy(() -> Quote.parse(large))
            .as(field.name)
            .isInstanceOf(EvidenceException.class);
        byte[] zero = bytes.clone();
        Arrays.fill(zero, field.offset, field.offset + field.size, (byte) 0);
        assertThatThrownBy(() -> Quote.parse(zero))
            .as(field.name)
            .isInstanceOf(EvidenceException.class);
      }
    }
  }

  private static byte[] mutated(byte[] bytes, SplittableRandom random) {
    byte[] result = bytes.clone();
    if (random.nextInt(8) == 0) {
      result = Arrays.copyOf(result, random.nextInt(result.length + 100));
    }
    int changes = 1 + random.nextInt(6);
    for (int i = 0; i < changes && result.length > 0; i++) {
      int at = random.nextInt(result.length);
      switch (random.nextInt(3)) {
        case 0 -> result[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> result[at] = (byte) random.nextInt(256);
        default -> result[at] = (byte) (random.nextBoolean() ? 0xff : 0);
      }
    }
    return result;
  }

  private static Optional<byte[]> mutated(Optional<byte[]> part, SplittableRandom random, int one) {
    return part.map(bytes -> random.nextInt(6) == one ? mutated(bytes, random) : bytes);
  }

  /// Evidence of which one part is damaged.
  private static Evidence damaged(Specimen specimen, Parts parts, SplittableRandom random)
      throws EvidenceException {
    boolean itself = random.nextBoolean();
    byte[] bytes = itself ? mutated(parts.evidence, random) : parts.evidence;
    Function<byte[], byte[]> beside = b -> itself ? b : mutated(b, random);
    return switch (specimen.text("tee")) {
      case "snp" ->
          new Evidence.Snp(SnpReport.parse(bytes), SnpCertificates.of(beside.apply(parts.beside)));
      case "nvidia-gpu" -> new Evidence.Gpu(GpuReport.parse(bytes), beside.apply(parts.beside));
      default ->
          new Evidence.Intel(
              Quote.parse(bytes),
              parts.collateral.map(c ->
                  itself
                      ? c
                      : new Collateral(
                          mutated(c.tcbInfo(), random, 0),
                          mutated(c.qeIdentity(), random, 1),
                          mutated(c.signingChain(), random, 2),
                          mutated(c.pckCrl(), random, 3),
                          mutated(c.rootCrl(), random, 4))));
    };
  }

  @SuppressWarnings("ArrayRecordComponent") // Not compared.
  private record Parts(byte[] evidence, byte[] beside, Optional<Collateral> collateral) {}

  private static Parts parts(Specimen specimen) throws IOException, EvidenceException {
    String field =
        switch (specimen.text("tee")) {
          case "snp" -> "vek";
          case "nvidia-gpu" -> "chain";
          default -> "evidence";
        };
    return new Parts(specimen.bytes(), specimen.file(field), specimen.collateral());
  }

  @ParameterizedTest
  @MethodSource("genuine")
  void a_random_mutation_ends_in_no_other_exception(Specimen specimen) throws Exception {
    SplittableRandom random = new SplittableRandom(SEED ^ specimen.id().hashCode());
    Policy policy = PolicyFile.parse(specimen.policy());
    Parts parts = parts(specimen);
    int share = (int) Math.ceilDiv(MUTATIONS, genuine().count());
    int refused = 0;
    for (int i = 0; i < share; i++) {
      try {
        Evidence evidence = damaged(specimen, parts, random);
        EvidenceVerifier.verify(evidence, policy, specimen.at(), Optional.empty());
      } catch (EvidenceException e) {
        refused++;
      } catch (RuntimeException e) {
        throw new AssertionError("seed %s, mutation %s".formatted(SEED, i), e);
      }
    }
    System.out.println("%s: %s mutations, %s unreadable".formatted(specimen, share, refused));
  }

  @Test
  void a_damaged_certificate_table_ends_in_no_other_exception() throws Exception {
    byte[] table = Files.readAllBytes(Specimen.named("genoa-v3").path("snp/genoa-v3/tsm/auxblob"));
    assertThat(SnpCertificates.table(table, SigningKey.VCEK).vek()).isNotNull();
    assertThat(SnpCertificates.table(new byte[0], SigningKey.VCEK).vek()).isNull();
    SplittableRandom random = new SplittableRandom(SEED);
    for (int i = 0; i < Math.min(MUTATIONS, 10_000); i++) {
      byte[] damaged = mutated(table, random);
      if (damaged.length > 0 && random.nextBoolean()) {
        damaged[Math.min(damaged.length - 1, random.nextInt(96))] = (byte) random.nextInt(256);
      }
      try {
        SnpCertificates.table(damaged, SigningKey.VCEK);
      } catch (EvidenceException e) {
        assertThat(e.getMessage()).isNotBlank();
      }
    }
  }
}
