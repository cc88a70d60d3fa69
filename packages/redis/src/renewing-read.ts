import type { VersionedRecord } from '@latchkey/core'
import type { Connection } from './connection.ts'
import { milliseconds } from './keys.ts'
import { recordIn } from './record-value.ts'
import { bytesIn } from './replies.ts'

/** Reads a record and renews its time to live with one command; a server that refuses writes is read all the same. */
export async function readAndRenew(
  connection: Connection,
  key: string,
  ttlSeconds: number,
): Promise<VersionedRecord | undefined> {
  const reply = await connection.ask(
    (wire) => wire.command('getex', key, 'PX', milliseconds(ttlSeconds)),
    (wire) => wire.command('get', key),
  )
  return recordOf(reply)
}

/** Reads a record and renews nothing. */
export async function readRecord(connection: Connection, key: string): Promise<VersionedRecord | undefined> {
  return recordOf(await connection.ask((wire) => wire.command('get', key)))
}

/** The record in a reply; `undefined` for none. */
export function recordOf(reply: unknown): VersionedRecord | undefined {
  const value = bytesIn(reply)
  return value && recordIn(value)
}
