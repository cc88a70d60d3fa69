import { jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { type Answer, FakeServer, rejection } from './fake-server.fixture.ts'
import { rsaKey, type SigningKey, signJwt } from './id-token.fixture.ts'
import { KeySource } from './jwks.ts'

const uri = 'https://as.example/jwks'
const first = rsaKey('first')
const second = rsaKey('second')

function fixture(): {
  server: FakeServer
  publish: (...keys: SigningKey[]) => void
  answer: (answer: Answer) => void
  verify: (key: SigningKey, header?: Record<string, unknown>) => Promise<unknown>
  fetches: () => number
} {
  const server = new FakeServer()
  const { transport, clock, log } = server
  const source = new KeySource({ provider: 'example', transport, clock, log })
  let current: Answer = { body: { keys: [first.jwk] } }
  server.on(`GET ${uri}`, () => current)
  return {
    server,
    publish: (...keys) => {
      current = { body: { keys: keys.map((key) => key.jwk) } }
    },
    answer: (answer) => {
      current = answer
    },
    verify: (key, header) => jwtVerify(signJwt(key, { sub: 'user-1' }, header), source.resolver(uri)),
    fetches: () => server.requests.length,
  }
}

describe('KeySource', () => {
  it('case 83: fetches once for many tokens at once', async () => {
    const { verify, fetches } = fixture()
    await Promise.all(Array.from({ length: 50 }, () => verify(first)))
    await verify(first)
    expect(fetches()).toBe(1)
  })

  it('case 83: finds a key that was rotated in right after the first fetch', async () => {
    const { verify, publish, fetches, server } = fixture()
    await verify(first)
    publish(second)
    server.clock.advance(1)
    await verify(second)
    expect(fetches()).toBe(2)
  })

  it('case 83: a flood of unknown kids causes one fetch a minute', async () => {
    const { verify, fetches, server } = fixture()
    await verify(first)
    const flood = async (): Promise<void> => {
      for (let index = 0; index < 30; index++) await rejection(verify(second, { kid: `unknown-${index}` }))
    }
    await flood()
    expect(fetches()).toBe(2)
    server.clock.advance(59)
    await flood()
    expect(fetches()).toBe(2)
    server.clock.advance(2)
    await flood()
    expect(fetches()).toBe(3)
  })

  it('case 83: keeps the last good keys for a day while the endpoint is down', async () => {
    const { verify, answer, fetches, server } = fixture()
    await verify(first)
    answer('refused')
    server.clock.advance(3601)
    await verify(first)
    expect(fetches()).toBe(2)
    await verify(first)
    expect(fetches()).toBe(2)
    server.clock.advance(82_000)
    await verify(first)
    server.clock.advance(1000)
    expect(await rejection(verify(first))).toMatchObject({ code: 'as_unavailable' })
  })

  it('case 83: drops a withdrawn key within the hour', async () => {
    const { verify, publish, server } = fixture()
    await verify(first)
    publish(second)
    server.clock.advance(3601)
    await rejection(verify(first))
    await verify(second)
  })

  it('case 83: a clock set back a day does not make keys immortal', async () => {
    const { verify, publish, server } = fixture()
    await verify(first)
    publish(second)
    server.clock.seconds -= 90_000
    await rejection(verify(first))
    await verify(second)
  })

  it.each([
    ['refused', 'refused'],
    ['cut', 'cut'],
    ['500', { status: 500 }],
    ['a redirect', { status: 302, headers: { location: 'https://evil.example/jwks' } }],
    ['HTML', { body: '<html>' }],
    ['an array', { body: [] }],
    ['no keys', { body: {} }],
    ['keys that are no list', { body: { keys: 'x' } }],
    ['too many keys', { body: { keys: Array.from({ length: 101 }, () => first.jwk) } }],
    ['more than 1 MB', { body: { keys: [], filler: 'x'.repeat(1_048_576) } }],
  ] satisfies [string, Answer][])(
    'case 81: answers as_unavailable when the set is %s',
    async (_name, given) => {
      const { verify, answer, fetches } = fixture()
      answer(given)
      expect(await rejection(verify(first))).toMatchObject({ code: 'as_unavailable' })
      expect(fetches()).toBe(1)
    },
  )

  it('gives up on an endpoint that does not answer', async () => {
    const { verify, answer, server } = fixture()
    answer('silent')
    const failure = rejection(verify(first))
    await new Promise(setImmediate)
    server.clock.advance(6)
    expect(await failure).toMatchObject({ code: 'as_unavailable', reason: 'timeout' })
  })
})
