import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import type { Logger } from '../log.ts'
import { TestClock } from '../protocol/fake-server.fixture.ts'
import { ProtocolClient } from '../protocol/protocol-client.ts'
import type { Provider } from '../protocol/provider.ts'
import { spotify } from '../providers/index.ts'
import { Transport } from '../transport/transport.ts'
import { ProviderClients } from './provider-clients.ts'

const provider = (id: string): Provider => ({ ...spotify({ id }), clientId: 'client-1' })

function fixture(resolve?: (id: string) => Promise<Provider | undefined>) {
  const clock = new TestClock()
  const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn<Logger['error']>() }
  const transport = new Transport({ clock })
  const makeClient = vi.fn((each: Provider) => new ProtocolClient(each, { transport, clock, log }))
  const providers = [provider('a'), provider('b')]
  const clients = new ProviderClients({ providers, resolve, makeClient, clock, log })
  return { clients, makeClient, clock, log }
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
    await expect(clients.find('tenant')).rejects.toMatchObject({ code: 'as_unavailable' })
    expect((await clients.find('tenant'))?.provider.id).toBe('tenant')
    await clients.find('tenant')
    expect(resolve).toHaveBeenCalledTimes(3)
  })

  it('gives up a lookup that never ends, and asks again', async () => {
    const resolve = vi.fn((id: string) =>
      id === 'slow' ? new Promise<never>(() => {}) : Promise.resolve(undefined),
    )
    const { clients, clock, log } = fixture(resolve)
    const outcomes = Promise.allSettled([clients.find('slow'), clients.find('slow')])
    await Promise.resolve()
    clock.advance(10)
    const unavailable = { status: 'rejected', reason: { code: 'as_unavailable', reason: 'provider_lookup' } }
    expect(await outcomes).toMatchObject([unavailable, unavailable])
    expect(log.error).toHaveBeenCalledWith(
      { event: 'provider.lookup_failed', reason: 'timeout' },
      expect.any(String),
    )
    const again = clients.find('slow').catch(() => {})
    await Promise.resolve()
    expect(resolve).toHaveBeenCalledTimes(2)
    clock.advance(10)
    await again
  })

  it('repeats nothing of the error that a lookup throws', async () => {
    const { clients, log } = fixture(() => {
      throw new Error('postgres://user:SECRET@db')
    })
    const error: unknown = await clients.find('tenant').catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'as_unavailable' })
    expect(inspect([error, log.error.mock.calls], { showHidden: true, depth: 9 })).not.toContain('SECRET')
  })

  it('keeps what it found, however many ids that nobody has are asked for', async () => {
    const resolve = vi.fn(async (id: string) => (id === 'tenant' ? provider(id) : undefined))
    const { clients } = fixture(resolve)
    const found = await clients.find('tenant')
    await Promise.all(Array.from({ length: 1_000 }, (_, index) => clients.find(`x${index}`)))
    expect(await clients.find('tenant')).toBe(found)
    expect(resolve).toHaveBeenCalledTimes(1_001)
  })

  it('asks for at most 1,000 at once', async () => {
    let release = (): void => {}
    const released = new Promise<undefined>((resolve) => {
      release = () => resolve(undefined)
    })
    const { clients } = fixture(() => released)
    const asked = Array.from({ length: 1_000 }, (_, index) => clients.find(`x${index}`))
    await expect(clients.find('one-more')).rejects.toMatchObject({ code: 'as_unavailable' })
    release()
    await Promise.all(asked)
    expect(await clients.find('one-more')).toBeUndefined()
  })

  it('refuses one with a callbackPath, which nobody would answer', async () => {
    const { clients } = fixture(async (id) => ({ ...provider(id), callbackPath: '/back' }))
    const refused = { code: 'invalid_options', reason: 'callbackPath' }
    await expect(clients.find('tenant')).rejects.toMatchObject(refused)
  })
})
