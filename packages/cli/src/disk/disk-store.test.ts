import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { memoryStore, type VersionedRecord } from '@latchkey/core'
import { grantContract } from '@latchkey/core/store-contract'
import { TestClock } from '@latchkey/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { type DiskStore, diskStore } from './disk-store.ts'
import { accountRef } from './file-names.ts'
import { removeOwnFile } from './own-files.ts'
import { thisProcess } from './process-id.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function newFolder(): string {
  const folder = join(mkdtempSync(join(tmpdir(), 'latchkey-disk-')), 'latchkey')
  folders.push(dirname(folder))
  return folder
}

function storeIn(folder = newFolder(), clock = new TestClock({ frozen: true, startAt: 1_800_000_000 })) {
  const warnings: string[] = []
  const warn = (_fields: object, message: string): void => void warnings.push(message)
  const store = diskStore({ folder, clock, logger: { debug() {}, info() {}, warn, error: warn } })
  return { store, clock, folder, warnings }
}

const record = (version: string): VersionedRecord => ({ version, sealed: Buffer.from(`{"of":"${version}"}`) })
const about = { provider: 'spotify', clientId: 'c', profile: 'default', identity: 'i', scope: [] }
const ref = accountRef(about)
const put = (store: DiskStore): Promise<void> => store.put(ref, record('g1'), 1_000, about)
const fileOf = (folder: string): string => join(folder, 'spotify', `${ref.id}.json`)

/** What a process says that may write files of so many blocks only: the refusal of a full disk, with another name. */
function whereFilesAreSmall(blocks: number, folder: string, call: string): string {
  const program = `
    import { diskStore } from '${new URL('./disk-store.ts', import.meta.url).href}'
    process.on('SIGXFSZ', () => {})
    const store = diskStore({ folder: ${JSON.stringify(folder)} })
    await ${call}.then(() => console.log('done'), (error) => console.log(error.message))`
  const run = `ulimit -f ${blocks}; exec "${process.execPath}" --conditions=@latchkey/source --input-type=module -e "$PROGRAM"`
  const env = { ...process.env, PROGRAM: program }
  return execFileSync('bash', ['-c', run], { env, encoding: 'utf8' })
}

describe('the contract of grants and leases', () => {
  it.each(grantContract.map((check) => [check.name, check] as const))('%s', async (_name, { run }) => {
    const { store, clock } = storeIn()
    const { grants, leases } = store
    await run({
      store: { ...memoryStore({ clock }), grants, leases },
      advance: (seconds) => clock.advance(seconds),
    })
  })
})

describe('case 93: the token file', () => {
  it('is made for its owner alone, whatever the umask', async () => {
    const before = process.umask(0)
    try {
      const { store, folder } = storeIn()
      await put(store)
      const modes = [folder, join(folder, 'spotify'), fileOf(folder)].map(
        (path) => statSync(path).mode & 0o777,
      )
      expect(modes).toEqual([0o700, 0o700, 0o600])
    } finally {
      process.umask(before)
    }
  })

  it.each([
    ['others may read it', (path: string) => chmodSync(path, 0o640), /chmod 600/],
    [
      'it is a link',
      (path: string) => {
        writeFileSync(`${path}.real`, readFileSync(path), { mode: 0o600 })
        rmSync(path)
        symlinkSync(`${path}.real`, path)
      },
      /must not be a link/,
    ],
    ['it has a second name', (path: string) => linkSync(path, `${path}.second`), /hard link/],
    [
      'it is a pipe',
      (path: string) => {
        rmSync(path)
        execFileSync('mkfifo', ['-m', '600', path])
      },
      /plain file/,
    ],
    [
      'it is a folder',
      (path: string) => {
        rmSync(path)
        mkdirSync(path, { mode: 0o700 })
      },
      /plain file|cannot be read/,
    ],
  ])('is refused where %s', async (_what, spoil, message) => {
    const { store, folder } = storeIn()
    await put(store)
    spoil(fileOf(folder))
    const refusal = expect.objectContaining({
      code: 'store_unavailable',
      message: expect.stringMatching(message),
    })
    await expect(store.grants.read(ref)).rejects.toEqual(refusal)
    await expect(store.grants.commit(ref, 'g1', record('g2'))).rejects.toEqual(refusal)
  })

  it.skipIf(process.getuid?.() !== 0)(
    'is refused where it, or its folder, belongs to another user',
    async () => {
      for (const path of [fileOf, dirname] as const) {
        const { store, folder } = storeIn()
        await put(store)
        execFileSync('chown', ['65534', path === fileOf ? fileOf(folder) : folder])
        await expect(put(store)).rejects.toThrow(/belongs to another user/)
        await expect(store.grants.read(ref)).rejects.toThrow(/belongs to another user/)
      }
    },
  )

  it.each([
    ['open to others', (folder: string) => chmodSync(folder, 0o755), /chmod 700/],
    [
      'a link',
      (folder: string) => {
        renameSync(folder, `${folder}-real`)
        symlinkSync(`${folder}-real`, folder)
      },
      /not a link/,
    ],
  ])('is neither written into a folder that is %s, nor read there', async (_what, spoil, message) => {
    for (const below of ['', 'spotify']) {
      const { store, folder } = storeIn()
      await put(store)
      spoil(join(folder, below))
      await expect(put(store)).rejects.toThrow(message)
      await expect(store.grants.read(ref)).rejects.toThrow(message)
      await expect(store.leases.owner(ref)).rejects.toThrow(message)
      if (below === '') await expect(store.accounts()).rejects.toThrow(message)
    }
  })

  it.skipIf(process.platform !== 'linux')(
    'is left as it was when the disk is full, and nothing else stays behind',
    async () => {
      const { store, folder } = storeIn()
      await put(store)
      const before = readFileSync(fileOf(folder))
      const said = whereFilesAreSmall(
        100,
        folder,
        `store.put(${JSON.stringify(ref)}, { version: 'big', sealed: Buffer.alloc(400_000, 'x') }, 1000, ${JSON.stringify(about)})`,
      )
      expect(said).toMatch(/cannot be written \(EFBIG\)/)
      expect(readFileSync(fileOf(folder))).toEqual(before)
      expect(readdirSync(join(folder, 'spotify')).filter((name) => /\.(tmp|draft)$/.test(name))).toEqual([])
    },
  )

  it.each([
    '',
    'no JSON',
    '[]',
    '{"format":1,"grant":{"version":1}}',
    '{"format":1,',
    '{"format":1,"lease":{"expiresAt":9e10}}',
    '{"format":1,"about":{"scope":7}}',
    '{"format":1,"attempt":{"attempt":{"sends":"1"},"expiresAt":9e10}}',
  ])('is put aside and said where it holds %j, and the account counts as signed out', async (text) => {
    const { store, folder, warnings } = storeIn()
    await put(store)
    writeFileSync(fileOf(folder), text)
    expect(await store.grants.read(ref)).toBeUndefined()
    expect(warnings).toHaveLength(1)
    await put(store)
    expect((await store.grants.read(ref))?.version).toBe('g1')
    const aside = readdirSync(join(folder, 'spotify')).filter((name) => name.includes('.corrupt-'))
    expect(aside).toHaveLength(1)
    expect(readFileSync(join(folder, 'spotify', aside[0] ?? ''), 'utf8')).toBe(text)
    expect(warnings).toEqual([expect.stringContaining(aside[0] ?? '?')])
    expect(await store.grants.delete(ref, 'g1')).toBe('deleted')
    expect(readdirSync(join(folder, 'spotify')).filter((name) => !name.includes('.lock.'))).toEqual([])
  })

  it.skipIf(process.platform !== 'linux')('is known not to fit before anybody is asked', async () => {
    const { store, folder } = storeIn()
    await expect(store.requireRoomFor(ref)).resolves.toBeUndefined()
    const said = whereFilesAreSmall(4, folder, `store.requireRoomFor(${JSON.stringify(ref)})`)
    expect(said).toMatch(/cannot be written \(EFBIG\)/)
    expect(readdirSync(join(folder, 'spotify')).filter((name) => !name.includes('.lock.'))).toEqual([])
  })

  it('that cannot be removed is not said to be gone', async () => {
    const { folder } = storeIn()
    mkdirSync(folder)
    await expect(removeOwnFile(folder)).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('cannot be removed'),
    })
    await expect(removeOwnFile(join(folder, 'nothing'))).resolves.toBeUndefined()
  })

  it.skipIf(process.platform !== 'linux')('is refused where no folder can be made, at once', async () => {
    const { store } = storeIn('/proc/latchkey/config')
    await expect(put(store)).rejects.toThrow('The folder /proc/latchkey/config cannot be made (ENOENT).')
  })

  it('leaves no draft behind that a killed process left', async () => {
    const { store, folder } = storeIn()
    await put(store)
    for (const ending of ['draft', 'tmp'])
      writeFileSync(`${fileOf(folder)}.abc.${ending}`, 'tokens, perhaps', { mode: 0o600 })
    await put(store)
    expect(readdirSync(join(folder, 'spotify')).sort()).toEqual([`${ref.id}.json`, `${ref.id}.json.lock.2`])
  })

  it('of a newer version is left alone', async () => {
    const { store, folder } = storeIn()
    await put(store)
    writeFileSync(fileOf(folder), '{"format":2}')
    await expect(put(store)).rejects.toThrow(/newer version/)
    expect(readFileSync(fileOf(folder), 'utf8')).toBe('{"format":2}')
  })
})

describe('a lease on disk', () => {
  const foreign = (change: object): string =>
    JSON.stringify({
      format: 1,
      lease: { owner: 'other', process: { ...thisProcess, ...change }, expiresAt: 2_000_000_000 },
    })

  it.each([
    ['a process that has ended', { pid: 2 ** 22 + 1 }, true],
    ['a process of the same pid that began at another time', { startedAt: '1' }, true],
    [
      'an earlier start of this machine',
      { machine: thisProcess.machine.replace(/ \S+ /, ' another-boot ') },
      true,
    ],
    ['a process that runs', {}, false],
    ['another machine, which nobody can look at', { machine: 'elsewhere boot pid:[1]' }, false],
  ])('of %s', async (_whose, change, isFree) => {
    const { store, folder } = storeIn()
    await put(store)
    writeFileSync(fileOf(folder), foreign(change))
    expect(await store.leases.take(ref, 'me', 10)).toBe(isFree)
  })
})

describe('accounts()', () => {
  it('lists what is stored, by provider and profile, and nothing secret', async () => {
    const { store } = storeIn()
    expect(await store.accounts()).toEqual([])
    await put(store)
    const atExbo = { ...about, provider: 'exbo' }
    await store.put(accountRef(atExbo), record('g'), 100, atExbo)
    expect((await store.accounts()).map((one) => one.about.provider)).toEqual(['exbo', 'spotify'])
    expect(JSON.stringify(await store.accounts())).not.toContain('sealed')
  })

  it.skipIf(process.platform === 'win32')(
    'does not take what is no folder, or cannot be read, for an empty one',
    async () => {
      const { store, folder } = storeIn()
      symlinkSync(folder, folder)
      await expect(store.accounts()).rejects.toMatchObject({ code: 'store_unavailable', reason: 'folder' })
      const belowFile = join(newFolder(), 'file')
      writeFileSync(dirname(belowFile), '')
      await expect(diskStore({ folder: belowFile }).accounts()).rejects.toMatchObject({
        code: 'store_unavailable',
        message: expect.stringContaining('cannot be read (ENOTDIR)'),
      })
    },
  )

  it('takes no copy of a file for an account', async () => {
    const { store, folder, warnings } = storeIn()
    await put(store)
    mkdirSync(join(folder, 'google'), { mode: 0o700 })
    for (const copy of [join(folder, 'google', `${ref.id}.json`), join(folder, 'spotify', 'copy.json')])
      writeFileSync(copy, readFileSync(fileOf(folder)), { mode: 0o600 })
    expect((await store.accounts()).map((one) => one.ref)).toEqual([ref])
    expect(await store.grants.read({ slot: 'google', id: ref.id })).toBeUndefined()
    expect(await store.grants.read({ slot: 'spotify', id: 'copy' })).toBeUndefined()
    expect(warnings).toContainEqual(
      expect.stringMatching(/copy\.json is a copy of another account's file, and is not used\./),
    )
  })

  it('goes through no link that is written as a folder', async () => {
    const { store, folder } = storeIn()
    await put(store)
    symlinkSync(folder, `${folder}-link`)
    for (const ending of ['', '/', '/.'])
      await expect(diskStore({ folder: `${folder}-link${ending}` }).accounts()).rejects.toThrow(/not a link/)
  })

  it('takes an empty name of a folder for none: it is not the current one', () => {
    expect(diskStore({ folder: '' }).folder).toBe(diskStore().folder)
  })

  it('makes no folder to look into', async () => {
    const { store, folder } = storeIn()
    await store.accounts()
    await store.grants.read(ref)
    expect(existsSync(folder)).toBe(false)
  })
})
