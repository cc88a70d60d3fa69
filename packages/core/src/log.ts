/** What a log line may say beside its message. Never a token, code, verifier, secret or session id. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

/** Where Latchkey logs to: any pino or Fastify logger fits. */
export interface Logger {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
}

/** Warnings and errors on the console, one line each; everything else is dropped. */
export const consoleLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (fields, message) => console.warn(logLine('warn', fields, message)),
  error: (fields, message) => console.error(logLine('error', fields, message)),
}

/** Values from outside are encoded as JSON, so that one event stays one line whatever they contain. */
function logLine(level: string, fields: LogFields, message: string): string {
  const pairs = Object.entries(fields).filter(([, value]) => value !== undefined)
  const encoded = pairs.map(([key, value]) => ` ${key}=${printable(JSON.stringify(value))}`).join('')
  return `latchkey ${level}: ${printable(message)}${encoded}`
}

/** Without control characters, so that nothing can break out of a line, drive a terminal or turn its text around. */
export function printable(text: string): string {
  return replaceUnprintable(text, () => '\uFFFD')
}

/** Replaces each of the characters that {@link printable} takes out. */
export function replaceUnprintable(text: string, replacement: (character: string) => string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
  const unprintable = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g
  return text.replace(unprintable, replacement)
}

/** The same logger, but one that never throws or rejects: what it does about a line must not undo what the line is about. */
export function steadyLogger(logger: Logger): Logger {
  const steady =
    (level: keyof Logger): Logger['info'] =>
    (fields, message) => {
      try {
        const outcome: unknown = logger[level](fields, message)
        if (outcome instanceof Promise) outcome.catch(unheard)
      } catch {
        unheard()
      }
    }
  return { debug: steady('debug'), info: steady('info'), warn: steady('warn'), error: steady('error') }
}

// The logger is the place where this would be said.
function unheard(): void {}
