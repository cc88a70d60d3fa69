import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { RedisClient } from './own-client.ts'
import { SharedWrites } from './shared-writes.ts'

/** A client on a socket that notes what is written at once. */
function fixture({ isCluster = false } = {}) {
  const written: string[] = []
  class Socket extends PassThrough {
    override _writev(
      chunks: readonly { readonly chunk: Buffer }[],
      done: (error?: Error | null) => void,
    ): void {
      written.push(chunks.map(({ chunk }) => String(chunk)).join('+'))
      done()
    }
    override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
      written.push(String(chunk))
      done()
    }
  }
  const client = { isCluster, duplicate: () => client, callBuffer() {}, stream: new Socket() }
  const writes = new SharedWrites(client as unknown as RedisClient) // all that is looked at
  const send = (text: string): void => {
    writes.join()
    client.stream.write(text)
  }
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  return { written, client, send, turn, Socket }
}

describe('SharedWrites', () => {
  it('lets the commands of a turn of the event loop leave in one write', async () => {
    const { written, send, turn } = fixture()
    send('a')
    await Promise.resolve()
    send('b')
    await turn()
    send('c')
    await turn()
    expect(written).toEqual(['a+b', 'c'])
  })

  it('holds nothing back on a socket that took the place of another within a turn', async () => {
    const { written, client, send, turn, Socket } = fixture()
    send('a')
    client.stream = new Socket()
    send('b')
    send('c')
    await turn()
    await turn()
    expect(written).toEqual(['a', 'b+c'])
  })

  it('leaves a Cluster alone', () => {
    const { written, send } = fixture({ isCluster: true })
    send('a')
    expect(written).toEqual(['a'])
  })
})
