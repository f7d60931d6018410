package dev.kerneltracer.python;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Turns the lines that pip or uv print into what a person wants to see: which package of how many,
/// and the phase.
final class InstallProgress {
  /// pip, of an archive: `Downloading torch-2.13.0-cp312-….whl (554.2 MB)`, `Using cached …`,
  /// `Processing ./torch-….whl`. Its `.metadata` files are not packages.
  private static final Pattern PIP_ARCHIVE =
      Pattern.compile(
          "\\s*(?:Downloading|Using cached|Processing) (?:\\S*/)?([A-Za-z0-9_.]+)-([0-9][^-\\s]*)"
              + "\\S*\\.(?:whl|tar\\.gz|zip)(?!\\S)(?: \\(([0-9.]+ [kMG]?B)\\))?.*");

  /// uv, of large packages only: `Downloading torch (554.2MiB)`, later ` Downloaded torch`.
  private static final Pattern UV_DOWNLOADING =
      Pattern.compile("Downloading (\\S+) \\(([0-9.]+ ?[KMG]iB)\\)");

  private static final Pattern UV_DOWNLOADED = Pattern.compile("\\s*Downloaded (\\S+)");
  private static final Pattern UV_RESOLVED = Pattern.compile("Resolved (\\d+) packages?.*");
  private static final Pattern UV_PREPARED = Pattern.compile("Prepared (\\d+) packages?.*");

  private int total;
  private int begun;
  private int ended;

  /// @param requirements lines of the lock, of which some will not apply
  InstallProgress(int requirements) {
    this.total = requirements;
  }

  /// What to show after this line; null where it changes nothing.
  @Nullable String line(String line) {
    if (line.startsWith("Ignoring ") && line.contains(": markers ")) {
      total--;
      return null;
    }
    Matcher archive = PIP_ARCHIVE.matcher(line);
    if (archive.matches()) {
      begun++;
      String size = archive.group(3);
      return "["
          + begun
          + "/"
          + Math.max(total, begun)
          + "] "
          + archive.group(1)
          + " "
          + archive.group(2)
          + (size == null ? "" : " (" + size + ")");
    }
    if (line.startsWith("Building wheel")) {
      return "building " + line.replaceAll("Building wheels? for (?:collected packages: )?", "");
    }
    if (line.startsWith("Installing collected packages")) {
      return "installing " + total + " packages";
    }
    return uv(line);
  }

  private @Nullable String uv(String line) {
    Matcher resolved = UV_RESOLVED.matcher(line);
    if (resolved.matches()) {
      total = Integer.parseInt(resolved.group(1));
      return "downloading " + total + " packages";
    }
    Matcher downloading = UV_DOWNLOADING.matcher(line);
    if (downloading.matches()) {
      begun++;
      return "downloading " + downloading.group(1) + " (" + downloading.group(2) + ")";
    }
    Matcher downloaded = UV_DOWNLOADED.matcher(line);
    if (downloaded.matches()) {
      ended++;
      return "downloaded "
          + downloaded.group(1)
          + " ("
          + ended
          + " of "
          + begun
          + " large packages)";
    }
    if (UV_PREPARED.matcher(line).matches()) {
      return "installing " + total + " packages";
    }
    return line.startsWith("Installed ") ? "compiling " + total + " packages" : null;
  }
}
