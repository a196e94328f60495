/**
 * PURE: the runtime's words for "cannot start the program" as the API error that docker clients read: they find exit
 * codes 126 and 127 by the text. Source: docker/cli cli/command/container/run.go (the texts it looks for).
 */
import { InvalidRequestError, MycomposeError } from '../../errors.ts'

const MAX_TEXT = 2000

/** One line, without control characters, of bounded length: runtimes repeat names from images. */
export function cleanToolText(text: string): string {
  return text
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, MAX_TEXT)
}

/** 127 not found, 126 found and not executable, else 128. */
export function exitCodeOfStartError(text: string): 126 | 127 | 128 {
  // a file of the machine, not of the image
  if (/`?(?:blkio|cpu|cpuset|devices|io|memory|pids|cgroup|hugetlb)\.[a-z_.]+`?/.test(text)) return 128
  if (/executable file not found|no such file or directory|system cannot find the file|not found in \$PATH/i.test(text))
    return 127
  if (/permission denied|open executable|not a directory|is a directory|exec format error|text file busy/i.test(text))
    return 126
  return 128
}

/** The C library's error texts as Go spells them: docker clients look for these. */
function inGoSpelling(text: string): string {
  return text.replaceAll(/No such file or directory|Permission denied|Is a directory/g, (words) => words.toLowerCase())
}

/** What failed may be a mount, whose paths the text names, and not the program. */
function hintFor(text: string, program: string, exitCode: 126 | 127): string | undefined {
  if (/\bmount/i.test(text)) return 'see volumes of the service: is the source still there, and can its target be made?'
  if (exitCode === 127) return `is "${program}" in the image? see entrypoint and command of the service`
  return `is "${program}" executable, and made for this machine?`
}

/** `runtimeText` is what crun or runc said. */
export function startError(program: string, runtimeText: string): MycomposeError {
  const text = inGoSpelling(cleanToolText(runtimeText))
  const exitCode = exitCodeOfStartError(text)
  const message = 'failed to create task for container: failed to create shim task: OCI runtime create failed: '
  if (exitCode === 128) return new MycomposeError(`${message}${text}`, { code: 'RUNTIME_FAILED', exitCode: 125 })
  const isAboutProgram = text.includes(program) && !/\bmount/i.test(text)
  const detail = exitCode === 127 && isAboutProgram ? `exec: "${program}": executable file not found in $PATH` : text
  return new InvalidRequestError(`${message}unable to start container process: ${detail}`, {
    code: exitCode === 127 ? 'PROGRAM_NOT_FOUND' : 'PROGRAM_NOT_EXECUTABLE',
    exitCode,
    hint: hintFor(text, program, exitCode),
  })
}
