import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { LatchkeyError } from './errors.ts'
import { Events } from './events.ts'
import { consoleLogger, type Logger, printable, steadyLogger } from './log.ts'

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

describe('LatchkeyError', () => {
  it('carries status and headers of its code', () => {
    expect(new LatchkeyError('login_required', 'x')).toMatchObject({
      status: 401,
      headers: { 'cache-control': 'no-store' },
    })
    expect(new LatchkeyError('as_unavailable', 'x').headers['retry-after']).toBe('5')
    expect(new LatchkeyError('as_unavailable', 'x', { retryAfterSeconds: 41.2 }).headers['retry-after']).toBe(
      '42',
    )
    expect(new LatchkeyError('invalid_callback', 'x', { status: 405, allow: 'GET' })).toMatchObject({
      status: 405,
      headers: { allow: 'GET' },
    })
  })

  it('is recognised across installed copies, and by nothing else', () => {
    const foreign = Object.assign(new Error('x'), { code: 'login_required' })
    expect(LatchkeyError.is(new LatchkeyError('login_required', 'x'))).toBe(true)
    expect([foreign, null, undefined, 'login_required'].map(LatchkeyError.is)).toEqual([
      false,
      false,
      false,
      false,
    ])
    const ofAnotherCopy = Object.defineProperty(new Error('x'), Symbol.for('latchkey.error'), { value: true })
    expect(LatchkeyError.is(ofAnotherCopy)).toBe(true)
  })

  it('serialises to its public fields', () => {
    const error = new LatchkeyError('access_denied', 'No.', {
      provider: 'spotify',
      oauth: { error: 'access_denied' },
      asStatus: 400,
    })
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      code: 'access_denied',
      message: 'No.',
      status: 403,
      provider: 'spotify',
      oauth: { error: 'access_denied' },
      asStatus: 400,
    })
    expect(inspect(error)).toContain('access_denied')
  })
})

describe('Events', () => {
  it('go on when a listener throws or rejects', async () => {
    const errors: unknown[] = []
    const events = new Events({ ...silent, error: (fields) => void errors.push(fields.event) })
    const heard: string[] = []
    events.on('logout', () => {
      throw new Error('a secret of the app')
    })
    events.on('logout', async () => Promise.reject(new Error('another')))
    events.once('logout', ({ userId }) => void heard.push(userId))
    events.emit('logout', { userId: 'ada' })
    events.emit('logout', { userId: 'grace' })
    await new Promise((resolve) => setImmediate(resolve))
    expect(heard).toEqual(['ada'])
    expect(errors).toEqual(Array(4).fill('logout'))
  })
})

describe('the console logger', () => {
  it('case 99: writes one line per event and no control characters', () => {
    const lines: string[] = []
    const spy = vi.spyOn(console, 'warn').mockImplementation((line: string) => void lines.push(line))
    consoleLogger.warn({ event: 'x', reason: 'a\r\nb\u001b[31mred\u2028' }, 'one\nline')
    spy.mockRestore()
    expect(lines).toHaveLength(1)
    expect(lines[0]).toBe(printable(lines[0] ?? ''))
    expect([...(lines[0] ?? '')].filter((character) => character < ' ')).toEqual([])
    expect(lines[0]).toContain('event="x"')
  })
})

describe('printable', () => {
  it.each(['\u001b', '\u009b', '\n', '\u2028', '\u061c', '\u200f', '\u202e', '\u2066', '\u2069'])(
    'lets no %j through',
    (one) => {
      expect(printable(`Ada${one}Grace é 東`)).toBe('Ada\uFFFDGrace é 東')
    },
  )
})

describe('steadyLogger', () => {
  it('hands every line on and lets no failure of the logger out', async () => {
    const lines: unknown[] = []
    const rejecting = { ...silent, warn: async () => Promise.reject(new Error('disk full')) }
    const throwing: Logger = {
      ...rejecting,
      info: (fields, message) => void lines.push([fields, message]),
      error: () => {
        throw new Error('disk full')
      },
    }
    const log = steadyLogger(throwing)
    log.info({ event: 'x' }, 'said')
    log.error({ event: 'x' }, 'lost')
    log.warn({ event: 'x' }, 'lost')
    await new Promise((resolve) => setImmediate(resolve))
    expect(lines).toEqual([[{ event: 'x' }, 'said']])
  })
})
