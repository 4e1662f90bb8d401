//! Commits what a target keeps to the git work tree that it stands in, with the `git` program.
//!
//! A commit holds what stands below the target's path and nothing else, whatever else is staged or changed in the work tree. Hooks of
//! the work tree do not run: they are programs that whoever may write there chooses, and made for people at a terminal. What git is
//! told by its own settings (signing, transport, credentials) holds.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::folder::UNFINISHED;
use crate::config::{Author, Git};
use crate::environment;

/// How long git may take for what it does on this machine.
const LIMIT: Duration = Duration::from_mins(1);
/// How long it may take to push.
const PUSH_LIMIT: Duration = Duration::from_mins(3);
/// How long git may take to leave after it was told to: it removes its lock then.
const LEAVE: Duration = Duration::from_secs(5);
/// How much of what git says is told on.
const EXCERPT: usize = 300;

/// One target at a time: two may stand in one work tree, and git's index has one lock.
static TURN: Mutex<()> = Mutex::const_new(());

/// What is to be committed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Commit<'a> {
    /// The folder to stand in.
    pub(super) folder: &'a Path,
    /// The one file in it that is meant; absent = everything below it.
    pub(super) what: Option<&'a str>,
    /// Files in it that git must not ignore.
    pub(super) files: &'a [String],
    /// The whole message.
    pub(super) message: &'a str,
}

/// Commits what differs from the last commit, and pushes where that is asked. Nothing to commit is fine.
///
/// # Errors
/// One sentence on what stands in the way; the files stay as they are.
pub(super) async fn commit(settings: &Git, commit: &Commit<'_>) -> Result<(), String> {
    let _turn = TURN.lock().await;
    let git = Tree::enter(commit.folder, settings).await?;
    git.must_not_ignore(commit.files).await?;
    git.must_not_be_merging().await?;
    let what = commit.what.map_or_else(|| ".".to_owned(), |name| format!(":(literal){name}"));
    // Somebody else's file that is just being written.
    let unfinished = format!(":(exclude,glob)**/.*{UNFINISHED}*");
    let mut paths = vec!["--", &what];
    if commit.what.is_none() {
        paths.push(&unfinished);
    }
    let with = |words: &[&'static str]| words.iter().copied().chain(paths.iter().copied()).collect::<Vec<&str>>();
    git.run(&with(&["add", "--all"]), None).await?;
    if git.answer(&with(&["diff", "--cached", "--quiet"]), None, &[0, 1]).await?.code == 1 {
        git.run(&with(&["commit", "--quiet", "--only", "--file=-"]), Some(commit.message)).await?;
    }
    if settings.push {
        git.push().await?;
    }
    Ok(())
}

/// Looks whether commits can be made, and says where.
///
/// # Errors
/// One sentence on what stands in the way.
pub(super) async fn look(settings: &Git, folder: &Path, file: &str) -> Result<String, String> {
    let git = Tree::enter(folder, settings).await?;
    git.must_not_ignore(&[file.to_owned()]).await?;
    let root = git.run(&["rev-parse", "--show-toplevel"], None).await?;
    // A branch without a commit has no HEAD, but a name.
    let branch = git.answer(&["symbolic-ref", "--short", "--quiet", "HEAD"], None, &[0, 1]).await?.stdout;
    let branch = if branch.is_empty() { "no branch (detached)".to_owned() } else { format!("branch {branch}") };
    let mut said = format!(", in the git work tree {root} on {branch}");
    if settings.push {
        said = format!("{said}, which is pushed to {}", git.upstream().await?.short);
    }
    Ok(said)
}

/// A work tree, entered at a folder.
struct Tree<'a> {
    folder: &'a Path,
    environment: BTreeMap<&'static str, OsString>,
}

/// What a branch follows.
struct Upstream {
    remote: String,
    /// `refs/heads/…` there.
    branch: String,
    /// As people write it.
    short: String,
}

/// What git said.
struct Answer {
    code: i32,
    stdout: String,
}

impl<'a> Tree<'a> {
    async fn enter(folder: &'a Path, settings: &Git) -> Result<Self, String> {
        let mut git = Self { folder, environment: surroundings() };
        let inside = git.answer(&["rev-parse", "--is-inside-work-tree"], None, &[0, 128]).await;
        if inside.as_ref().is_ok_and(|inside| inside.stdout != "true") {
            // What else git may say then, such as that the work tree belongs to somebody else.
            let why = git.run(&["rev-parse", "--show-toplevel"], None).await.err().unwrap_or_default();
            return Err(if why.contains("not a git repository") || why.is_empty() {
                format!(
                    "{} is in no git work tree: make one with git init or git clone, or leave git out of the target",
                    folder.display()
                )
            } else {
                why
            });
        }
        inside?;
        git.name(settings.author.as_ref()).await?;
        Ok(git)
    }

    /// In whose name commits are made: as the file says, else as git is set up, else in ours.
    async fn name(&mut self, author: Option<&Author>) -> Result<(), String> {
        let parts = [
            ("user.name", "GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", author.map(|author| &author.name), "aboard"),
            (
                "user.email",
                "GIT_AUTHOR_EMAIL",
                "GIT_COMMITTER_EMAIL",
                author.map(|author| &author.email),
                "aboard@localhost",
            ),
        ];
        for (key, of_author, of_committer, given, ours) in parts {
            let known = match given {
                Some(given) => Some(given.clone()),
                // Without a setting git would make an address up from the machine's name.
                None if self.answer(&["config", "--get", key], None, &[0, 1]).await?.code == 1 => Some(ours.to_owned()),
                None => None,
            };
            for variable in [of_author, of_committer] {
                if let Some(known) =
                    known.as_ref().filter(|_| given.is_some() || !self.environment.contains_key(variable))
                {
                    self.environment.insert(variable, known.into());
                }
            }
        }
        Ok(())
    }

    async fn must_not_ignore(&self, files: &[String]) -> Result<(), String> {
        let list = files.join("\0");
        let ignored = self.answer(&["check-ignore", "-z", "--stdin"], Some(&list), &[0, 1]).await?;
        match ignored.stdout.split('\0').next() {
            Some(first) if ignored.code == 0 => Err(format!(
                "git ignores {}: a .gitignore leaves it out, so it would never be committed",
                self.folder.join(first).display()
            )),
            _ => Ok(()),
        }
    }

    /// Before anything is staged: git refuses to commit a part of the work tree then, and what was staged would go with the merge.
    async fn must_not_be_merging(&self) -> Result<(), String> {
        for (head, what) in [("MERGE_HEAD", "merge"), ("CHERRY_PICK_HEAD", "cherry-pick")] {
            if self.answer(&["rev-parse", "--quiet", "--verify", head], None, &[0, 1]).await?.code == 0 {
                return Err(format!("a {what} is under way in the git work tree: finish it, or abort it"));
            }
        }
        Ok(())
    }

    /// Where the branch is pushed to.
    async fn upstream(&self) -> Result<Upstream, String> {
        let head = self.answer(&["symbolic-ref", "--quiet", "HEAD"], None, &[0, 1]).await?.stdout;
        let format = "--format=%(upstream:remotename)%09%(upstream:remoteref)%09%(upstream:short)";
        let said = if head.is_empty() { head } else { self.run(&["for-each-ref", format, &head], None).await? };
        let mut parts = said.split('\t').map(str::to_owned);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(remote), Some(branch), Some(short)) if !remote.is_empty() => Ok(Upstream { remote, branch, short }),
            _ => {
                Err("the branch has no upstream to push to: push it once by hand with git push --set-upstream"
                    .to_owned())
            }
        }
    }

    /// Pushes what the upstream has not; also what an earlier attempt could not.
    async fn push(&self) -> Result<(), String> {
        let Upstream { remote, branch, short: _ } = self.upstream().await?;
        // Nobody has fetched from a remote that is new.
        let ahead = self.answer(&["rev-list", "--count", "@{upstream}..HEAD"], None, &[0, 128]).await?;
        if ahead.stdout == "0" {
            return Ok(());
        }
        let to = format!("HEAD:{branch}");
        let pushed = self.within(PUSH_LIMIT, &["push", "--quiet", &remote, &to], None, &[0]).await;
        pushed.map(drop).map_err(|error| format!("the commit stands, but {error}"))
    }

    /// What git prints where it succeeds.
    async fn run(&self, words: &[&str], input: Option<&str>) -> Result<String, String> {
        Ok(self.answer(words, input, &[0]).await?.stdout)
    }

    async fn answer(&self, words: &[&str], input: Option<&str>, fine: &[i32]) -> Result<Answer, String> {
        self.within(LIMIT, words, input, fine).await
    }

    async fn within(
        &self,
        limit: Duration,
        words: &[&str],
        input: Option<&str>,
        fine: &[i32],
    ) -> Result<Answer, String> {
        let verb = words.first().copied().unwrap_or_default();
        let mut command = Command::new("git");
        command
            .args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"])
            .args(words)
            .current_dir(self.folder)
            .env_clear()
            .envs(&self.environment)
            // A group of its own, so that Ctrl-C ends us and not a commit half-way, and nothing asks at our terminal.
            .process_group(0)
            .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                "the program git is not installed where this process looks for programs (PATH)".to_owned()
            }
            _ => format!("git cannot be started: {error}"),
        })?;
        let Ok(ended) = timeout(limit, finish(&mut child, input)).await else {
            stop(&mut child).await;
            return Err(format!("git {verb} took longer than {} s and was ended", limit.as_secs()));
        };
        let (code, stdout, stderr) = ended.map_err(|error| format!("git {verb} cannot be followed: {error}"))?;
        let stdout = String::from_utf8_lossy(&stdout).trim_end_matches(['\n', '\0']).to_owned();
        if fine.contains(&code) {
            return Ok(Answer { code, stdout });
        }
        let said = String::from_utf8_lossy(&stderr);
        let said = if said.trim().is_empty() { stdout.as_str() } else { &said };
        let mut message = format!("git {verb} ended with {code}: {}", excerpt(said));
        if said.contains("index.lock") && said.contains("File exists") {
            message.push_str(" (if no git is at work there any more, remove that file)");
        }
        Err(message)
    }
}

/// Hands over the input, and reads everything to the end.
async fn finish(child: &mut Child, input: Option<&str>) -> std::io::Result<(i32, Vec<u8>, Vec<u8>)> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let give = async {
        if let (Some(mut stdin), Some(input)) = (stdin, input) {
            // One that reads no further says why by how it ends.
            let _closed = stdin.write_all(input.as_bytes()).await;
        }
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let take_out = async {
        if let Some(mut stdout) = stdout {
            stdout.read_to_end(&mut out).await?;
        }
        Ok::<(), std::io::Error>(())
    };
    let take_err = async {
        if let Some(mut stderr) = stderr {
            stderr.read_to_end(&mut err).await?;
        }
        Ok::<(), std::io::Error>(())
    };
    let ((), taken, erred, status) = futures_util::join!(give, take_out, take_err, child.wait());
    taken?;
    erred?;
    // One that was ended by a signal has no code.
    Ok((status?.code().unwrap_or(-1), out, err))
}

/// Has it leave, and its helpers; who does not is ended.
async fn stop(child: &mut Child) {
    let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
    if let Some(group) = group {
        let _gone = killpg(group, Signal::SIGTERM);
        if timeout(LEAVE, child.wait()).await.is_err() {
            let _gone = killpg(group, Signal::SIGKILL);
            let _ended = child.wait().await;
        }
    }
}

/// One line of what git said, without the user and password that a URL may hold.
fn excerpt(said: &str) -> String {
    let line = said.split_whitespace().map(without_user).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(EXCERPT) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line,
    }
}

fn without_user(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest.get(..end).and_then(|authority| authority.rfind('@')) {
        Some(at) => format!("{scheme}://{}", rest.get(at + 1..).unwrap_or_default()),
        None => word.to_owned(),
    }
}

/// What git is given of our environment: what leads it to its settings, its transport and its user. Not what points it to another
/// repository, and none of the secrets that may stand there.
fn surroundings() -> BTreeMap<&'static str, OsString> {
    const PASSED: [&str; 36] = [
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "TMPDIR",
        "XDG_CONFIG_HOME",
        "XDG_CACHE_HOME",
        "XDG_RUNTIME_DIR",
        "GNUPGHOME",
        "SSH_AUTH_SOCK",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_SSL_CAINFO",
        "GIT_SSL_CAPATH",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_SYSTEM",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_EXEC_PATH",
        "GIT_TEMPLATE_DIR",
        "GIT_AUTHOR_NAME",
        "GIT_AUTHOR_EMAIL",
        "GIT_COMMITTER_NAME",
        "GIT_COMMITTER_EMAIL",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "CURL_CA_BUNDLE",
        "NIX_SSL_CERT_FILE",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "TZ",
    ];
    let mut environment: BTreeMap<&'static str, OsString> =
        PASSED.into_iter().filter_map(|name| Some((name, environment::path(name)?))).collect();
    // Its sentences are read here.
    environment.insert("LC_ALL", "C".into());
    environment.insert("GIT_TERMINAL_PROMPT", "0".into());
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says_is_told_on_one_line_and_without_the_password_of_a_url() {
        let said = "fatal: unable to access\n 'https://bot:hunter2@git.example.com/x@y/': not found";
        assert_eq!(excerpt(said), "fatal: unable to access 'https://git.example.com/x@y/': not found");
        assert_eq!(excerpt(&"x".repeat(400)).chars().count(), 301);
    }

    #[test]
    fn git_is_given_none_of_our_secrets() {
        assert!(surroundings().keys().all(|name| !name.starts_with("AWS_") && !name.starts_with("ABOARD_")));
        assert!(!surroundings().contains_key("GIT_DIR") && surroundings().contains_key("PATH"));
    }
}
