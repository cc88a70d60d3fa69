import { describe, it } from 'vitest'
import { bothSignIn, named, runAll, signIns, signOuts } from './exbo-races.fixture.ts'
import { countTimeoutMs } from './run-counts.fixture.ts'

describe('two devices of one user at EXBO, the first held at each of its steps in turn', () => {
  it.each(named(signIns))('case 69: %s', (_title, race, index) => runAll(race, index), countTimeoutMs)

  it.each(named(bothSignIn))('case 69: %s', (_title, race, index) => runAll(race, index), countTimeoutMs)

  it.each(named(signOuts))('case 38: %s', (_title, race, index) => runAll(race, index), countTimeoutMs)
})

describe('two devices of one user at EXBO, whose accounts are kept', () => {
  const kept = { options: { keepAccounts: true } }

  it.each(named([...bothSignIn, ...signOuts]))(
    'case 69: %s',
    (_title, race, index) => runAll(race, index, kept),
    countTimeoutMs,
  )
})
