package dev.kerneltracer.tracer;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// A tracer that a user brings along: a Python file that describes itself in a dictionary `TRACER`
/// of plain values, which is read without running the file, and records in `trace(workload, spec,
/// directory)`. Its keys are told in docs/tracers.md.
public final class ExternalTracer {
  private static final Pattern TRACER = Pattern.compile("(?m)^TRACER\\s*(?::[^=\\n]*)?=\\s*");
  private static final Pattern FUNCTION = Pattern.compile("(?m)^(?:async\\s+)?def\\s+trace\\s*\\(");
  private static final Pattern NAME = Pattern.compile("[A-Za-z][A-Za-z0-9_]*");
  private static final String FRAMEWORK = "huggingface";
  private static final Set<String> KEYS =
      Set.of(
          "name",
          "framework",
          "version",
          "description",
          "details",
          "files",
          "settings",
          "modes",
          "needs",
          "exclusive");

  private final Path file;
  private final String text;
  private final Map<?, ?> description;

  private ExternalTracer(Path file, String text, Map<?, ?> description) {
    this.file = file;
    this.text = text;
    this.description = description;
  }

  /// The tracers in a directory, in order of their files' names. Files without `TRACER` are modules
  /// that tracers share.
  ///
  /// @throws UserException where there is none, or one describes itself wrongly
  public static List<Tracer> in(Path directory) {
    List<Path> files;
    try (Stream<Path> all = Files.list(directory)) {
      files = all.filter(path -> path.toString().endsWith(".py")).sorted().toList();
    } catch (IOException e) {
      throw new UserException(
          ExitCode.USAGE,
          "--tracer-path: cannot read " + directory + ": " + AtomicFile.reason(e),
          "It takes a directory of Python files, each with TRACER = {…} and def trace(…).");
    }
    List<Tracer> found = new ArrayList<>();
    for (Path file : files) {
      Tracer tracer = read(file);
      if (tracer != null) {
        found.add(tracer);
      }
    }
    if (found.isEmpty()) {
      throw new UserException(
          ExitCode.USAGE,
          "--tracer-path: no Python file in " + directory + " has a TRACER",
          "docs/tracers.md shows one.");
    }
    return found;
  }

  private static @Nullable Tracer read(Path file) {
    byte[] bytes;
    try {
      bytes = Files.readAllBytes(file);
    } catch (IOException e) {
      throw wrong(file, "cannot be read: " + AtomicFile.reason(e));
    }
    String text = new String(bytes, StandardCharsets.UTF_8);
    Matcher start = TRACER.matcher(text);
    if (!start.find()) {
      return null;
    }
    try {
      if (PythonLiteral.read(text, start.end()) instanceof Map<?, ?> map) {
        return new ExternalTracer(file, text, map).tracer(sha256(bytes));
      }
    } catch (IllegalArgumentException e) {
      throw wrong(file, "TRACER " + e.getMessage());
    }
    throw wrong(file, "TRACER is no dictionary");
  }

  private Tracer tracer(String sha256) {
    for (Object key : description.keySet()) {
      if (!KEYS.contains(key)) {
        throw wrong(
            file,
            "TRACER has no key '"
                + key
                + "'; there are "
                + String.join(", ", KEYS.stream().sorted().toList()));
      }
    }
    if (!FUNCTION.matcher(text).find()) {
      throw wrong(file, "there is no def trace(workload, spec, directory)");
    }
    String fileName = String.valueOf(file.getFileName());
    String name = string("name", fileName.substring(0, fileName.length() - ".py".length()));
    if (!NAME.matcher(name).matches()) {
      throw wrong(file, "'" + name + "' is no name of a tracer: letters, digits and _ are");
    }
    if (!string("framework", FRAMEWORK).equals(FRAMEWORK)) {
      throw wrong(file, "tracers of one's own run in the framework '" + FRAMEWORK + "' only");
    }
    Object version = value("version", 1L);
    if (!(version instanceof Long number)) {
      throw wrong(file, "'version' is no whole number");
    }
    List<Tracer.ResultFile> files = files();
    List<String> names = files.stream().map(Tracer.ResultFile::name).toList();
    return new Tracer(
        name,
        FRAMEWORK,
        Math.toIntExact(number),
        string("description", null),
        string("details", ""),
        files,
        list("settings"),
        choices("modes", Mode.class, EnumSet.of(Mode.EVAL)),
        choices("needs", Need.class, EnumSet.noneOf(Need.class)),
        description.get("exclusive") == null ? null : string("exclusive", ""),
        Results.of(directory -> found(directory, names)),
        new Tracer.TracerFile(file.toAbsolutePath().normalize(), sha256));
  }

  private static Findings found(Path directory, List<String> names) {
    Map<String, Long> sizes = new LinkedHashMap<>();
    for (String name : names) {
      Path path = directory.resolve(name);
      try {
        sizes.put(name, Files.isDirectory(path) ? 0L : Files.size(path));
      } catch (IOException e) {
        throw new UserException(
            ExitCode.INPUT_UNREADABLE,
            "the tracer did not write " + name,
            "Its trace() writes every file that its TRACER names into the given directory.");
      }
    }
    return new Findings.Summary("wrote " + String.join(", ", names) + ".", sizes);
  }

  private List<Tracer.ResultFile> files() {
    Object files = description.get("files");
    List<Tracer.ResultFile> found = new ArrayList<>();
    if (files instanceof Map<?, ?> map) {
      map.forEach((name, content) ->
          found.add(new Tracer.ResultFile(String.valueOf(name), String.valueOf(content))));
    } else {
      list("files").forEach(name -> found.add(new Tracer.ResultFile(name, "")));
    }
    if (found.isEmpty()) {
      throw wrong(file, "TRACER lacks 'files': {\"name\": \"what is in it\"}");
    }
    for (Tracer.ResultFile result : found) {
      if (result.name().contains("/")
          || result.name().startsWith("_TRACE")
          || result.name().startsWith(".")) {
        throw wrong(file, "'" + result.name() + "' cannot be the name of a result file");
      }
    }
    return found;
  }

  private <E extends Enum<E>> Set<E> choices(String key, Class<E> kind, Set<E> otherwise) {
    if (!description.containsKey(key)) {
      return otherwise;
    }
    Set<E> chosen = EnumSet.noneOf(kind);
    for (String name : list(key)) {
      E found = null;
      for (E constant : kind.getEnumConstants()) {
        if (constant.name().toLowerCase(Locale.ROOT).equals(name)) {
          found = constant;
        }
      }
      if (found == null) {
        throw wrong(
            file,
            "'"
                + key
                + "' has '"
                + name
                + "', but takes "
                + Arrays.stream(kind.getEnumConstants())
                    .map(constant -> constant.name().toLowerCase(Locale.ROOT))
                    .collect(Collectors.joining(", ")));
      }
      chosen.add(found);
    }
    return chosen;
  }

  private List<String> list(String key) {
    Object value = value(key, List.of());
    if (value instanceof String one) {
      return List.of(one);
    }
    if (value instanceof List<?> items && items.stream().allMatch(String.class::isInstance)) {
      return items.stream().map(String.class::cast).toList();
    }
    throw wrong(file, "'" + key + "' is no list of texts");
  }

  private String string(String key, @Nullable String otherwise) {
    Object value = value(key, otherwise);
    if (value instanceof String string) {
      return string.strip();
    }
    throw wrong(file, value == null ? "TRACER lacks '" + key + "'" : "'" + key + "' is no text");
  }

  private @Nullable Object value(String key, @Nullable Object otherwise) {
    Object value = description.get(key);
    return value == null ? otherwise : value;
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static UserException wrong(Path file, String what) {
    return new UserException(ExitCode.USAGE, file + ": " + what, "docs/tracers.md shows a tracer.");
  }
}
