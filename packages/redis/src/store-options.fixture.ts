import type { LogFields, Logger } from '@latchkey/core'

/** Limits that a busy machine keeps, where they are not what a test is about. */
export const patient = { commandTimeoutMs: 30_000, requestTimeoutMs: 60_000 }

/** The same, where a test waits for the end of them. */
export const lessPatient = { commandTimeoutMs: 3_000, requestTimeoutMs: 3_000 }

/** A logger that keeps its lines. */
export class KeptLog implements Logger {
  readonly lines: string[] = []

  debug(fields: LogFields, message: string): void {
    this.#keep('debug', fields, message)
  }

  info(fields: LogFields, message: string): void {
    this.#keep('info', fields, message)
  }

  warn(fields: LogFields, message: string): void {
    this.#keep('warn', fields, message)
  }

  error(fields: LogFields, message: string): void {
    this.#keep('error', fields, message)
  }

  #keep(level: string, fields: LogFields, message: string): void {
    this.lines.push(`${level} ${message} ${JSON.stringify(fields)}`)
  }
}
