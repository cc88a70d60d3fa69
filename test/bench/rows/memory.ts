import type { Figure } from '../../results.ts'
import type { Bench } from '../bench.ts'
import { benchUsers, type TokenKind } from '../bench-user.ts'
import { figureOf } from '../figures.ts'
import { type KeySize, keySizes } from '../key-sizes.ts'
import type { Bar, Row, RowResult } from '../row.ts'

const userCount = 100_000
const trialUserCount = 5_000
const usersAtOnce = 500
const settings: readonly { readonly name: string; readonly kind: TokenKind }[] = [
  { name: 'without tokens', kind: 'none' },
  { name: 'with tokens of 200 and 131 bytes', kind: 'opaque' },
  { name: 'with JWTs of 4096 and 1024 bytes', kind: 'jwt' },
]
const apps = [
  { name: 'Latchkey', app: 'latchkey-express', kind: 'latchkey' },
  { name: 'floor', app: 'floor', kind: 'floor' },
] as const

/** What a signed-in user costs in Redis. */
export const memory: Row = {
  name: 'memory',
  title: 'Bytes in Redis per signed-in user',
  run: measureAll,
}

/** What users of one app left in Redis. */
interface Measured {
  /** `used_memory` per user, everything included. */
  readonly bytes: number
  readonly keys: Readonly<Record<string, KeySize>>
}

async function measureAll(bench: Bench): Promise<RowResult> {
  const users = bench.options.isTrial ? trialUserCount : userCount
  const figures: Figure[] = []
  const bars: Bar[] = []
  const samples: Record<string, unknown> = {}
  for (const { name, kind } of settings) {
    for (const one of apps) {
      const { bytes, keys } = await measureOne(bench, one.app, kind, users)
      const figure = figureOf(`${one.name}, ${name}`, [bytes], { unit: 'bytes', count: users })
      samples[figure.figure] = keys
      figures.push(figure)
      bars.push({ ...figure, label: `${one.name}, ${kind}`, kind: one.kind })
      const parts = Object.entries(keys).map(([key, size]) => `${size.count} ${key} of ${size.bytes}`)
      bench.progress(`${figure.figure}: ${figure.median} bytes (${parts.join(', ')})`)
    }
  }
  const charts = [{ title: 'bytes per signed-in user', unit: 'bytes', bars }]
  return { setUp: { users }, figures, charts, samples }
}

async function measureOne(bench: Bench, name: string, kind: TokenKind, users: number): Promise<Measured> {
  await bench.redis.command('FLUSHALL')
  await using app = bench.startApp(name)
  await app.ask('signIn', benchUsers(1, kind, users))
  const before = await usedMemory(bench)
  for (let first = 0; first < users; first += usersAtOnce) {
    const count = Math.min(usersAtOnce, users - first)
    const cookies = await app.ask('signIn', benchUsers(count, kind, first))
    if (cookies.includes('')) throw new Error('Somebody got no cookie.')
  }
  const bytes = (await usedMemory(bench)) - before
  const keys = await bench.redis.with(keySizes)
  await bench.redis.command('FLUSHALL')
  return { bytes: bytes / users, keys }
}

async function usedMemory(bench: Bench): Promise<number> {
  const text = String(await bench.redis.command('INFO', 'memory'))
  const [, bytes] = /^used_memory:(\d+)/m.exec(text) ?? []
  return Number(bytes)
}
