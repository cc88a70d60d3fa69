import { LatchkeyError } from '@latchkey/core'
import { describe, expect, it } from 'vitest'
import { systemError } from '../disk/disk-errors.ts'
import { exitCodeOf, messageOf } from './failure.ts'

function refusedBy(code: string): LatchkeyError {
  return systemError('/x/a.json cannot be written', Object.assign(new Error('refused'), { code }), 'write')
}

describe('what the disk refuses', () => {
  it.each(['EACCES', 'EPERM', 'EROFS'])('%s lasts until somebody mends the rights, and says so', (code) => {
    const error = refusedBy(code)
    expect(exitCodeOf(error)).toBe(1)
    expect(messageOf(error, { command: 'login' })).toBe(
      `/x/a.json cannot be written (${code}). Nothing was changed. Give this user the right to read and write there, ` +
        'or say another folder: --folder <path>, or LATCHKEY_FOLDER.',
    )
  })

  it('a folder that is a file lasts until another one is said', () => {
    const error = refusedBy('ENOTDIR')
    expect(exitCodeOf(error)).toBe(1)
    expect(messageOf(error, { command: 'token' })).toMatch(
      /Say another folder: --folder <path>, or LATCHKEY_FOLDER\.$/,
    )
  })

  it.each(['ENOSPC', 'EIO', 'EMFILE'])('%s may pass by itself', (code) => {
    expect(exitCodeOf(refusedBy(code))).toBe(4)
  })
})

describe('tokens that no secret opens', () => {
  it('need the secret, or a sign-in', () => {
    const error = new LatchkeyError('store_unavailable', 'It was sealed under another secret.', {
      reason: 'unknown_key',
    })
    expect(exitCodeOf(error)).toBe(1)
    expect(messageOf(error, { command: 'token', provider: 'spotify', profile: 'work' })).toBe(
      'It was sealed under another secret. Set LATCHKEY_SECRET to that one, or sign in anew: ' +
        'latchkey login spotify --profile work --force',
    )
  })
})
