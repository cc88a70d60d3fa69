import type { VersionedRecord } from '@latchkey/core'
import type { Connection } from './connection.ts'
import { milliseconds } from './keys.ts'
import { recordIn } from './record-value.ts'
import { bytesIn } from './replies.ts'
import type { Wire } from './wire.ts'

/** Reads a record and renews its time to live with one command; a server that refuses writes is read all the same. */
export function readAndRenew(
  connection: Connection,
  key: string,
  ttlSeconds: number,
): Promise<VersionedRecord | undefined> {
  const renewing = (wire: Wire): Promise<unknown> =>
    wire.command('getex', key, 'PX', milliseconds(ttlSeconds))
  return connection.ask(renewing, (wire) => wire.command('get', key)).then(recordOf)
}

/** Reads a record and renews nothing. */
export function readRecord(connection: Connection, key: string): Promise<VersionedRecord | undefined> {
  return connection.ask((wire) => wire.command('get', key)).then(recordOf)
}

/** The record in a reply; `undefined` for none. */
export function recordOf(reply: unknown): VersionedRecord | undefined {
  const value = bytesIn(reply)
  return value && recordIn(value)
}
