import { describe, expect, it, vi } from 'vitest'
import { systemClock } from '../clock.ts'
import { consoleLogger } from '../log.ts'
import { OAuthClient } from '../protocol/oauth-client.ts'
import type { Provider } from '../protocol/provider.ts'
import { spotify } from '../providers/index.ts'
import { Transport } from '../transport/transport.ts'
import { ProviderClients } from './provider-clients.ts'

const provider = (id: string): Provider => ({ ...spotify({ id }), clientId: 'client-1' })

function fixture(resolve?: (id: string) => Promise<Provider | undefined>) {
  const transport = new Transport({ clock: systemClock })
  const makeClient = vi.fn(
    (each: Provider) => new OAuthClient(each, { transport, clock: systemClock, log: consoleLogger }),
  )
  const clients = new ProviderClients({ providers: [provider('a'), provider('b')], resolve, makeClient })
  return { clients, makeClient }
}

describe('ProviderClients', () => {
  it('lists the configured ones in order and finds each by its id', async () => {
    const { clients } = fixture()
    expect(clients.listed.map((client) => client.provider.id)).toEqual(['a', 'b'])
    expect(await clients.find('b')).toBe(clients.listed[1])
    expect(await clients.find('c')).toBeUndefined()
    expect(await clients.find('toString')).toBeUndefined()
  })

  it('asks for another one once, however many want it', async () => {
    const resolve = vi.fn(async (id: string) => provider(id))
    const { clients } = fixture(resolve)
    const found = await Promise.all([clients.find('tenant'), clients.find('tenant')])
    expect(found[0]).toBe(found[1])
    expect(await clients.find('tenant')).toBe(found[0])
    expect(resolve).toHaveBeenCalledOnce()
  })

  it('never asks for one that is configured', async () => {
    const resolve = vi.fn(async () => undefined)
    await fixture(resolve).clients.find('a')
    expect(resolve).not.toHaveBeenCalled()
  })

  it('asks again after nothing was found or the question failed', async () => {
    const answers = [
      async () => undefined,
      () => Promise.reject(new Error('down')),
      async () => provider('tenant'),
    ]
    const resolve = vi.fn(() => answers.shift()?.() ?? Promise.reject(new Error('asked too often')))
    const { clients } = fixture(resolve)
    expect(await clients.find('tenant')).toBeUndefined()
    await expect(clients.find('tenant')).rejects.toThrow('down')
    expect((await clients.find('tenant'))?.provider.id).toBe('tenant')
    await clients.find('tenant')
    expect(resolve).toHaveBeenCalledTimes(3)
  })
})
