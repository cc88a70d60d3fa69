import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Events } from './events.ts'
import { consoleLogger } from './log.ts'

const known = [
  'login',
  'link',
  'logout',
  'refresh',
  'refresh_failed',
  'refresh_token_missing',
  'account_expiring',
  'account_ended',
  'save_lost',
] as const

describe('Events', () => {
  it.each(known)('knows %s', (name) => {
    const events = new Events(consoleLogger)
    const listener = vi.fn()
    events.on(name, listener).off(name, listener)
    expect(events.once(name, listener)).toBe(events)
    // What the event says does not matter here, only who hears it and how often.
    for (let turn = 0; turn < 2; turn += 1) events.emit(name, {} as never)
    expect(listener).toHaveBeenCalledTimes(1)
  })

  it.each(['on', 'once', 'off'] as const)('refuses a name that nobody announces in %s()', (method) => {
    const events = new Events(consoleLogger)
    const misspelt = 'loggin' as 'login' // what an app in JavaScript could write
    expect(() => events[method](misspelt, () => {})).toThrow(
      expect.objectContaining({
        code: 'invalid_options',
        message: `auth.events knows no "loggin". Did you mean "login"? It knows ${known.join(', ')}.`,
      }),
    )
  })

  it('takes many listeners without a warning of a leak', () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    onTestFinished(() => warned.mockRestore())
    const events = new Events(consoleLogger)
    for (let count = 0; count < 20; count += 1) events.on('login', () => {})
    expect(warned).not.toHaveBeenCalled()
  })

  it('names the known events when nothing is close', () => {
    const other = 'session' as 'login' // as above
    expect(() => new Events(consoleLogger).on(other, () => {})).toThrow(
      /"session"\. It knows login, link, logout/,
    )
  })
})
