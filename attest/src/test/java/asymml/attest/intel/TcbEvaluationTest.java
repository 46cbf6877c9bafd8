package asymml.attest.intel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import asymml.attest.EvidenceException;
import asymml.attest.crypto.Certificates;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Intel's algorithm on real quotes with TCB info and identities that reality does not offer. Their
/// signatures are not looked at here.
class TcbEvaluationTest {
  private static final Path FOLDER = Path.of("../../shared/vectors/evidence");
  private static final String SGX = "sgx/sgx-v3-phala.bin sgx-00a067110000-2025-06";
  private static final String TDX = "tdx/tdx-v5-alibaba.bin tdx-90c06f000000-2026-02";

  @BeforeEach
  void specimens_are_there() {
    assumeTrue(Files.exists(FOLDER), "absent: shared/vectors/evidence");
  }

  private static SignedJson json(
      String folder, String file, String name, UnaryOperator<String> edit)
      throws IOException, EvidenceException {
    byte[] reply = Files.readAllBytes(FOLDER.resolve("collateral").resolve(folder).resolve(file));
    SignedJson real = SignedJson.cut(reply, name);
    String text = edit.apply(new String(real.object(), StandardCharsets.US_ASCII));
    return new SignedJson(text.getBytes(StandardCharsets.US_ASCII), real.signature());
  }

  private static TcbEvaluation evaluate(
      byte[] bytes, String folder, UnaryOperator<String> tcb, UnaryOperator<String> identity)
      throws IOException, EvidenceException {
    Quote quote = Quote.parse(bytes);
    PckCertificate pck =
        PckCertificate.of(Certificates.pem(quote.certificationData(), "chain").getFirst());
    return TcbEvaluation.of(
        quote,
        pck,
        TcbInfo.parse(json(folder, Collateral.TCB_INFO, "tcbInfo", tcb)),
        QeIdentity.parse(json(folder, Collateral.QE_IDENTITY, "enclaveIdentity", identity)));
  }

  private static TcbEvaluation evaluate(
      String specimen, UnaryOperator<String> tcb, UnaryOperator<String> identity)
      throws IOException, EvidenceException {
    String[] parts = specimen.split(" ", -1);
    return evaluate(Files.readAllBytes(FOLDER.resolve(parts[0])), parts[1], tcb, identity);
  }

  /// All levels of the platform have one status, and so has the newest of the quoting enclave.
  @ParameterizedTest
  @CsvSource({
    "UpToDate, UpToDate, UpToDate",
    "UpToDate, OutOfDate, OutOfDate",
    "SWHardeningNeeded, OutOfDate, OutOfDate",
    "ConfigurationNeeded, UpToDate, ConfigurationNeeded",
    "ConfigurationNeeded, OutOfDate, OutOfDateConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded, OutOfDate, OutOfDateConfigurationNeeded",
    "OutOfDateConfigurationNeeded, UpToDate, OutOfDateConfigurationNeeded",
    "OutOfDate, OutOfDate, OutOfDate",
    "UpToDate, Revoked, Revoked",
    "Revoked, UpToDate, Revoked",
    "Revoked, OutOfDate, Revoked",
    "SWHardeningNeeded, UpToDate, SWHardeningNeeded",
  })
  void statuses_of_platform_and_quoting_enclave_are_combined(
      String platform, String enclave, String expected) throws Exception {
    String status = "\"tcbStatus\":\"[A-Za-z]+\"";
    TcbEvaluation result =
        evaluate(
            SGX,
            text -> text.replaceAll(status, "\"tcbStatus\":\"" + platform + "\""),
            text -> text.replaceAll(status, "\"tcbStatus\":\"" + enclave + "\""));
    assertThat(result.status().label()).isEqualTo(expected);
    assertThat(result.moduleFault()).isEmpty();
  }

  @Test
  void a_quoting_enclave_below_every_level_is_not_supported() throws Exception {
    TcbEvaluation result =
        evaluate(SGX, t -> t, t -> t.replaceAll("\"isvsvn\":\\d+", "\"isvsvn\":9999"));
    assertThat(result.status()).isEqualTo(TcbStatus.NOT_SUPPORTED);
  }

  @Test
  void each_component_counts() throws Exception {
    for (int component = 0; component < 16; component++) {
      int wanted = component;
      TcbEvaluation result =
          evaluate(
              SGX,
              text -> {
                int[] seen = {0};
                return Pattern.compile("\"svn\":\\d+")
                    .matcher(text)
                    .replaceAll(m -> seen[0]++ % 16 == wanted ? "\"svn\":255" : "\"svn\":0");
              },
              t -> t);
      // Component 4 of this platform is 255.
      assertThat(result.status() == TcbStatus.NOT_SUPPORTED).isEqualTo(component != 4);
    }
  }

  @ParameterizedTest
  @CsvSource({"upToDate", "Good", "''", "NotSupported", "TDRelaunchAdvised"})
  void an_unknown_word_is_refused(String word) {
    assertThatThrownBy(() -> evaluate(SGX, t -> t.replace("SWHardeningNeeded", word), t -> t))
        .isInstanceOf(EvidenceException.class)
        .hasMessageContaining("unknown tcbStatus");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"version\":3 | \"version\":2 | TCB info version 2",
        "\"version\":3 | \"version\":3,\"version\":3 | Duplicate",
        "\"pcesvn\":13 | \"pcesvn\":70000 | is not in 0..65535",
        "\"svn\":11 | \"svn\":-1 | is not in 0..255",
        "\"svn\":11 | \"svn\":1e99 | is not in 0..255",
        "{\"svn\":0}] | {\"svn\":0},{\"svn\":0}] | 17 components",
        "00A067110000 | 00A06711000 | is not 6 bytes",
        "\"tcbType\":0 | \"tcbType\":[[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]] | not readable as JSON",
      })
  void tcb_info_of_another_form_is_refused(String from, String to, String message) {
    assertThatThrownBy(() -> evaluate(SGX, t -> t.replace(from, to), t -> t))
        .isInstanceOf(EvidenceException.class)
        .hasMessageContaining(message);
  }

  /// The TDX quote with other numbers of the TDX module, at launch and now.
  private static byte[] withModule(int launched, int now) throws IOException {
    byte[] quote = Files.readAllBytes(FOLDER.resolve(TDX.split(" ", -1)[0]));
    quote[54] = (byte) launched;
    quote[54 + 584] = (byte) now;
    return quote;
  }

  @ParameterizedTest
  @CsvSource({
    // The newest module is 6, and 5 and 4 are out of date.
    "6, 6, UpToDate",
    "5, 5, OutOfDate",
    "5, 6, TDRelaunchAdvised",
    "1, 6, NotSupported",
  })
  void an_updated_module_under_a_running_domain_asks_for_a_relaunch(
      int launched, int now, String expected) throws Exception {
    // This platform's late microcode is 2; the newest level asks for 3.
    UnaryOperator<String> platform =
        t ->
            t.replace("\"svn\":3,\"category\":\"OS/VMM\"", "\"svn\":2,\"category\":\"OS/VMM\"")
                .replace("\"svn\":3,\"category\":\"BIOS\"", "\"svn\":2,\"category\":\"BIOS\"")
                .replace("\"svn\":4,\"category\":\"BIOS\"", "\"svn\":3,\"category\":\"BIOS\"");
    TcbEvaluation result =
        evaluate(withModule(launched, now), TDX.split(" ", -1)[1], platform, t -> t);
    assertThat(result.status().label()).isEqualTo(expected);
  }

  @Test
  void a_module_that_is_not_listed_or_signed_by_another_is_a_fault() throws Exception {
    TcbEvaluation unknown = evaluate(TDX, t -> t.replace("TDX_01", "TDX_09"), t -> t);
    assertThat(unknown.moduleFault()).contains("module TDX_01");
    assertThat(unknown.status()).isEqualTo(TcbStatus.NOT_SUPPORTED);
    TcbEvaluation foreign =
        evaluate(TDX, t -> t.replace("\"mrsigner\":\"00", "\"mrsigner\":\"11"), t -> t);
    assertThat(foreign.moduleFault().getFirst()).startsWith("MRSIGNERSEAM 00");
  }

  @Test
  void advisories_of_all_parts_are_collected_once() throws Exception {
    TcbEvaluation result = evaluate(TDX, t -> t, t -> t);
    assertThat(result.advisories()).doesNotHaveDuplicates();
    assertThat(List.of(result.status())).containsExactly(TcbStatus.OUT_OF_DATE);
  }

  @Test
  void the_signed_object_is_cut_out_to_the_byte() throws Exception {
    SignedJson cut =
        SignedJson.cut(
            ("{\"a\":{ \"x\" : 1 },\"signature\":\"" + "0f".repeat(64) + "\"}")
                .getBytes(StandardCharsets.US_ASCII),
            "a");
    assertThat(new String(cut.object(), StandardCharsets.US_ASCII)).isEqualTo("{ \"x\" : 1 }");
    for (String bad : List.of("{}", "{\"a\":{}}", "{\"b\":{},\"signature\":\"00\"}", "")) {
      assertThatThrownBy(() -> SignedJson.cut(bad.getBytes(StandardCharsets.US_ASCII), "a"))
          .isInstanceOf(EvidenceException.class);
    }
  }
}
