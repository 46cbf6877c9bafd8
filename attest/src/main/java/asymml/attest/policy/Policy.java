package asymml.attest.policy;

import asymml.attest.amd.Product;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// What a data owner accepts. There is no default measurement: without an identity of a TEE nothing
/// of that TEE is accepted. Debug, unknown statuses and unreadable evidence never are.
///
/// @param sgx enclaves
/// @param tdx trust domains
/// @param snp guests
/// @param tcb firmware of Intel platforms
/// @param collateralMaxAge how old Intel's collateral may be; empty: as long as it is valid
/// @param revocationRequired whether Intel's revocation lists must be there
/// @param clockSkew by how much the owner's clock may be wrong
/// @param platforms PPIDs and chip ids in hexadecimal; empty is any machine
/// @param run what may be trained with a key; empty: no key is released under this policy
/// @param simulation roots of tests in place of the vendors'; evidence to them says nothing about
///   hardware
public record Policy(
    List<SgxIdentity> sgx,
    List<TdxIdentity> tdx,
    List<SnpIdentity> snp,
    TcbRule tcb,
    Optional<Duration> collateralMaxAge,
    boolean revocationRequired,
    Duration clockSkew,
    Optional<Set<String>> platforms,
    Optional<RunBounds> run,
    Simulation simulation) {
  /// Roots of tests.
  ///
  /// @param intel in place of Intel's
  /// @param amd in place of AMD's, by product
  public record Simulation(Optional<X509Certificate> intel, Map<Product, X509Certificate> amd) {
    /// None: the vendors' own.
    public static final Simulation NONE = new Simulation(Optional.empty(), Map.of());

    /// Copies the map.
    public Simulation {
      amd = Map.copyOf(amd);
    }
  }

  /// Copies the lists.
  public Policy {
    sgx = List.copyOf(sgx);
    tdx = List.copyOf(tdx);
    snp = List.copyOf(snp);
  }

  /// Whether evidence to roots of tests is accepted.
  ///
  /// @return true if it is, so that what is accepted says nothing about hardware
  public boolean isSimulation() {
    return simulation.intel().isPresent() || !simulation.amd().isEmpty();
  }

  /// The products of all accepted guests.
  Set<Product> products() {
    Set<Product> all = new HashSet<>();
    snp.forEach(identity -> all.addAll(identity.products()));
    return all;
  }
}
