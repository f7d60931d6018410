package dev.kerneltracer.cli;

import dev.kerneltracer.python.Framework;
import java.util.Iterator;
import java.util.List;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// Frameworks by the names that users type.
final class FrameworkNames implements ITypeConverter<Framework>, Iterable<String> {
  private static final List<String> NAMES =
      List.of(Framework.TRANSFORMERS.resultName(), Framework.VLLM.resultName());

  @Override
  public Framework convert(String name) {
    for (Framework framework : Framework.values()) {
      if (framework.resultName().equals(name) || framework.label().equals(name)) {
        return framework;
      }
    }
    throw new TypeConversionException(
        "'" + name + "' is no framework; there is " + String.join(", ", NAMES));
  }

  @Override
  public Iterator<String> iterator() {
    return NAMES.iterator();
  }
}
