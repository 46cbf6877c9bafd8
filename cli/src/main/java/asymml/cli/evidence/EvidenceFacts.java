package asymml.cli.evidence;

import asymml.attest.VerificationTime;
import asymml.attest.amd.Product;
import asymml.attest.amd.SnpReport;
import asymml.attest.intel.EnclaveReport;
import asymml.attest.intel.IntelVerifier;
import asymml.attest.intel.PckCertificate;
import asymml.attest.intel.Quote;
import asymml.attest.intel.TdReport;
import asymml.attest.nvidia.GpuReport;
import asymml.attest.policy.Evidence;
import java.time.Instant;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What evidence says, by the names that policies and vendors use. Nothing of it is verified.
final class EvidenceFacts {
  private static final HexFormat HEX = HexFormat.of();

  private final Map<String, String> facts = new LinkedHashMap<>();

  private EvidenceFacts() {}

  static Map<String, String> of(Evidence evidence) {
    EvidenceFacts all = new EvidenceFacts();
    switch (evidence) {
      case Evidence.Intel intel -> all.quote(intel.quote());
      case Evidence.Snp snp -> all.snp(snp.report());
      case Evidence.Gpu gpu -> all.gpu(gpu.report());
    }
    return all.facts;
  }

  private void put(String name, Object value) {
    facts.put(name, String.valueOf(value));
  }

  private void put(String name, byte[] value) {
    facts.put(name, HEX.formatHex(value));
  }

  private void quote(Quote quote) {
    put("evidence", "%s quote, version %s".formatted(quote.tee(), quote.version()));
    quote.enclave().ifPresent(this::enclave);
    quote.td().ifPresent(this::domain);
    put("report data", quote.reportData());
    put("debug", quote.debug());
    put("certification data", "type " + quote.certificationType());
    put("trailing bytes", quote.trailingBytes());
    @Nullable PckCertificate pck =
        IntelVerifier.verify(quote, Optional.empty(), VerificationTime.exactly(Instant.EPOCH))
            .pck();
    if (pck != null) {
      put("ppid", pck.ppid());
      put("fmspc", pck.fmspc());
      put("pce id", pck.pceId());
      put("pck component svns", pck.componentSvns());
      put("pce svn", pck.pceSvn());
      put("pck ca", pck.ca());
      put(
          "pck certificate",
          "valid from %s to %s"
              .formatted(
                  pck.certificate().getNotBefore().toInstant(),
                  pck.certificate().getNotAfter().toInstant()));
    }
  }

  private void enclave(EnclaveReport enclave) {
    put("mrenclave", enclave.mrEnclave());
    put("mrsigner", enclave.mrSigner());
    put("isvProdId", enclave.isvProdId());
    put("isvSvn", enclave.isvSvn());
    put("attributes", enclave.attributes());
  }

  private void domain(TdReport td) {
    put("td report", td.version());
    put("mrtd", td.mrTd());
    for (int i = 0; i < td.rtmr().size(); i++) {
      put("rtmr" + i, td.rtmr().get(i));
    }
    put("mrconfigid", td.mrConfigId());
    td.mrServiceTd().ifPresent(digest -> put("mrservicetd", digest));
    put("attributes", td.attributes());
    put("SEPT_VE_DISABLE", td.septVeDisabled());
    put("MIGRATABLE", td.migratable());
    put("xfam", td.xfam());
    put("tee tcb svn", td.teeTcbSvn());
    td.teeTcbSvn2().ifPresent(svn -> put("tee tcb svn 2", svn));
    put("mrseam", td.mrSeam());
  }

  private void snp(SnpReport report) {
    put("evidence", "SEV-SNP report, version " + report.version());
    Optional<Product> product = report.product();
    put(
        "product",
        product.map(Product::label).orElse("not in the report; the VEK's issuer names it"));
    report.cpuid().ifPresent(id -> put("cpuid", id));
    put("measurement", report.measurement());
    put("hostData", report.hostData());
    put("idKeyDigest", report.idKeyDigest());
    put("family id", report.familyId());
    put("image id", report.imageId());
    put("report data", report.reportData());
    put("vmpl", report.vmpl());
    put("guest svn", report.guestSvn());
    put("policy", "0x" + Long.toHexString(report.policy()));
    put("debug", report.debug());
    put("migration agent", report.migrationAgent());
    put("platform info", "0x" + Long.toHexString(report.platformInfo()));
    put("signing key", report.signingKey());
    if (product.isPresent()) {
      put("reported tcb", report.reportedTcb(product.get()));
    } else {
      put("reported tcb", report.reportedTcb(Product.MILAN) + " (as Milan and Genoa write it)");
    }
    put("chip id", report.chipId());
    put("chip id masked", report.chipIdMasked());
  }

  private void gpu(GpuReport report) {
    put("evidence", "NVIDIA GPU report (SPDM 1.1)");
    put("driver", report.driver());
    put("vbios", report.vbios());
    put("nonce", report.requestNonce());
    put("measurements", report.measurements().size());
    put("trailing bytes", report.trailingBytes());
  }
}
