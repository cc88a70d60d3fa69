import type { UsedMarkerStore } from '@latchkey/core'
import type { Connection } from './connection.ts'
import { keys, milliseconds } from './keys.ts'
import { textIn } from './replies.ts'

/** Things that happen once. */
export class RedisUsedMarkers implements UsedMarkerStore {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async take(key: string, value: string, ttlSeconds: number): Promise<string> {
    const ttl = milliseconds(ttlSeconds)
    const reply = await this.#connection.ask((wire) =>
      wire.command('set', keys.usedMarker(key), value, 'PX', ttl, 'NX', 'GET'),
    )
    return textIn(reply) ?? value
  }
}
