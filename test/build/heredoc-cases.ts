/** Heredocs of COPY, ADD and RUN. */
import { type BuildCase, file, folder, lines } from './build-case.ts'

const D = folder()

export const heredocCases: readonly BuildCase[] = [
  {
    name: 'heredoc to a file',
    dockerfile: lines('FROM scratch', 'COPY <<EOF /n/f', 'one', ' two', '', 'EOF'),
    tree: { n: D, 'n/f': file('one\n two\n\n') },
  },
  {
    name: 'heredoc to a folder takes the delimiter as name',
    dockerfile: lines('FROM scratch', 'COPY <<f.txt /n/', 'x', 'f.txt'),
    tree: { n: D, 'n/f.txt': file('x\n') },
  },
  {
    name: 'heredocs, several',
    dockerfile: lines('FROM scratch', 'COPY <<a <<b /n/', '1', 'a', '2', 'b'),
    tree: { n: D, 'n/a': file('1\n'), 'n/b': file('2\n') },
  },
  {
    name: 'heredoc beside a file',
    files: { x: 'x' },
    dockerfile: lines('FROM scratch', 'COPY x <<y /n/', '1', 'y'),
    tree: { n: D, 'n/x': file('x'), 'n/y': file('1\n') },
  },
  {
    name: 'heredoc expands variables',
    dockerfile: lines('FROM scratch', 'ENV A=1 B="x y"', 'COPY <<E /f', '$A ${B} ${C:-c} \\$A \'$A\' "$A"', 'E'),
    tree: { f: file('1 x y c $A \'1\' "1"\n') },
  },
  {
    name: 'heredoc quoted does not expand',
    dockerfile: lines('FROM scratch', 'ENV A=1', "COPY <<'E' /f", '$A \\$A "', 'E'),
    tree: { f: file('$A \\$A "\n') },
  },
  {
    name: 'heredoc with tabs dropped',
    dockerfile: lines('FROM scratch', 'COPY <<-E /f', '\t\tx', '\t y', '\tE'),
    tree: { f: file('x\n y\n') },
  },
  { name: 'heredoc is empty', dockerfile: lines('FROM scratch', 'COPY <<E /f', 'E'), tree: { f: file('') } },
  {
    name: 'heredoc with comments and continuation',
    dockerfile: lines('FROM scratch', "COPY <<'E' /f", '# x', 'a \\', 'b', 'E'),
    tree: { f: file('# x\na \\\nb\n') },
  },
  {
    name: 'heredoc --chmod and --chown',
    dockerfile: lines('FROM scratch', 'COPY --chmod=755 --chown=7:8 <<E /f', 'x', 'E'),
    tree: { f: file('x\n', '755', '7:8') },
  },
  { name: 'heredoc with ADD', dockerfile: lines('FROM scratch', 'ADD <<E /f', 'x', 'E'), tree: { f: file('x\n') } },
  {
    name: 'heredoc to a file below WORKDIR',
    dockerfile: lines('FROM scratch', 'WORKDIR /w', 'COPY <<E f', 'x', 'E'),
    tree: { w: D, 'w/f': file('x\n') },
  },
  {
    name: 'heredoc as destination',
    dockerfile: lines('FROM scratch', 'COPY a <<E', 'x', 'E'),
    error: { code: 'DOCKERFILE_SYNTAX', line: 2, message: /heredoc as a destination/ },
  },
  {
    name: 'heredoc without end',
    dockerfile: lines('FROM scratch', 'COPY <<E /f', 'x'),
    error: { code: 'DOCKERFILE_SYNTAX', line: 2, message: /unterminated heredoc/ },
  },
  {
    name: 'run a heredoc',
    dockerfile: lines('FROM busybox', 'RUN <<E', 'printf a > /a', 'if true; then', '  printf b > /b', 'fi', 'E'),
    tree: { a: file('a'), b: file('b') },
    history: ['RUN /bin/sh -c printf a > /a\nif true; then\n  printf b > /b\nfi\n # buildkit'],
  },
  {
    name: 'run a heredoc: the shell expands',
    dockerfile: lines('FROM busybox', 'ENV A=1', 'RUN <<E', 'B=2; echo "$A $B" > /f', 'E'),
    tree: { f: file('1 2\n') },
  },
  {
    name: 'run a heredoc with tabs',
    dockerfile: lines('FROM busybox', 'RUN <<-E', '\techo x > /f', '\tE'),
    tree: { f: file('x\n') },
  },
  {
    name: 'run a heredoc as the input of a program',
    dockerfile: lines('FROM busybox', 'ENV A=1', 'RUN cat <<E > /f', '$A', 'E'),
    tree: { f: file('1\n') },
  },
  {
    name: 'run a quoted heredoc as the input of a program',
    dockerfile: lines('FROM busybox', 'ENV A=1', 'RUN cat <<"E" > /f', '$A', 'E'),
    tree: { f: file('$A\n') },
  },
  {
    name: 'run a heredoc quoted in part',
    dockerfile: lines('FROM busybox', "RUN <<E'O'F", 'echo x > /f', 'EOF'),
    tree: { f: file('x\n') },
  },
  {
    name: 'run a heredoc with tabs as the input of a program',
    dockerfile: lines('FROM busybox', 'RUN cat <<-E > /f', '\tx', '\tE'),
    tree: { f: file('x\n') },
    history: ['RUN /bin/sh -c cat <<-E > /f\n\tx\nE # buildkit'],
  },
  {
    name: 'run two heredocs',
    dockerfile: lines('FROM busybox', 'RUN cat <<A > /a && cat <<B > /b', '1', 'A', '2', 'B'),
    tree: { a: file('1\n'), b: file('2\n') },
  },
  {
    name: 'run a heredoc with #!',
    dockerfile: lines('FROM busybox', 'RUN <<E', '#!/bin/awk -f', 'BEGIN { print "x" > "/f" }', 'E'),
    tree: { f: file('x\n') },
  },
  {
    name: 'run a heredoc that fails',
    dockerfile: lines('FROM busybox', 'RUN <<E', 'false', 'exit 4', 'E'),
    error: { code: 'BUILD_STEP_FAILED', line: 2, message: /exit code: 4/ },
  },
  {
    name: 'run: << in quotes is no heredoc',
    dockerfile: lines('FROM busybox', 'RUN echo "<<E" > /f'),
    tree: { f: file('<<E\n') },
  },
  {
    name: 'run: shifts are no heredocs',
    dockerfile: lines('FROM busybox', 'RUN echo $((1<<3)) > /f'),
    tree: { f: file('8\n') },
  },
]
