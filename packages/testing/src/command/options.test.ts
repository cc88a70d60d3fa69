import { describe, expect, it } from 'vitest'
import { emulatorNames } from '../emulators.ts'
import { HELP, readOptions } from './options.ts'

describe('the options of npx @latchkey/testing', () => {
  it.each([
    [[], { help: false }],
    [['--help'], { help: true }],
    [['--port', '4400'], { help: false, port: 4400 }],
    [['--only=spotify, auth0'], { help: false, only: ['spotify', 'auth0'] }],
  ])('reads %j', (args, options) => {
    expect(readOptions(args)).toEqual(options)
  })

  it.each([
    [['--prot', '1'], "Unknown option '--prot'."],
    [['4400'], /^Unexpected argument '4400'/],
    [['--port'], /argument missing/],
    [['--port', '0'], '--port takes a number from 1 to 65521.'],
    [['--port', '65522'], '--port takes a number from 1 to 65521.'],
    [['--port', '4e3'], '--port takes a number from 1 to 65521.'],
    [['--only', 'github'], 'There is no emulator "github"; there are spotify, exbo,'],
  ])('says what is wrong with %j', (args, sentence) => {
    expect(() => readOptions(args)).toThrow(sentence)
  })

  it('names every emulator in the help', () => {
    for (const name of emulatorNames) expect(HELP).toContain(name)
  })
})
