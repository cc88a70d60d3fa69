import { describe, expect, it, vi } from 'vitest'
import { Agent } from '../transport/undici.ts'
import { warnOfGlobalDispatcher } from './global-dispatcher.ts'

const [older, newer] = [Symbol.for('undici.globalDispatcher.1'), Symbol.for('undici.globalDispatcher.2')]

function warnings(globals: object) {
  const warn = vi.fn()
  warnOfGlobalDispatcher(globals, { debug: vi.fn(), info: vi.fn(), warn, error: vi.fn() })
  return warn.mock.calls
}

/** A dispatcher of another class, as an app would write it. */
class Recorder extends Agent {}
/** The class that undici 8 puts in the older place. */
class Dispatcher1Wrapper {
  dispatch(): boolean {
    return false
  }
}
class EnvHttpProxyAgent extends Agent {}

const agent = new Agent()
const composed = new Agent().compose((dispatch) => (options, handler) => dispatch(options, handler))
const patched = Object.assign(new Agent(), { dispatch: () => true })

describe('warnOfGlobalDispatcher', () => {
  it.each([
    ['nothing', {}],
    ['an agent', { [older]: agent }],
    ['an agent in both places', { [older]: agent, [newer]: agent }],
    ['the agent of NODE_USE_ENV_PROXY', { [older]: new EnvHttpProxyAgent() }],
    [
      'an agent that undici 8 wrapped for older versions',
      { [older]: new Dispatcher1Wrapper(), [newer]: agent },
    ],
  ])('case 57: is content with %s', (_name, globals) => {
    expect(warnings(globals)).toEqual([])
  })

  it.each([
    ['an agent with interceptors', { [older]: composed }],
    ['one in the newer place alone', { [older]: agent, [newer]: composed }],
    ['one behind the wrapper of undici 8', { [older]: new Dispatcher1Wrapper(), [newer]: composed }],
    ['an agent with a method of its own', { [older]: patched }],
    ['another class', { [older]: new Recorder() }],
    ['a plain object', { [older]: { dispatch: () => true } }],
    ['an object without a prototype', { [older]: Object.create(null) }],
    ['null', { [older]: null }],
  ])('case 57: warns once of %s', (_name, globals) => {
    expect(warnings(globals)).toEqual([
      [{ event: 'options.global_dispatcher' }, expect.stringContaining('not the default one')],
    ])
  })
})
