/* ctrl_c CODE WORDS COMMAND: starts the command in a console, waits until it has said the words, presses Ctrl-C there, and
   compares the exit code. Ctrl-Break is missing, because Wine 8 cannot send it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

static BOOL WINAPI ignore(DWORD event) {
    return TRUE;
}

static int failed(const char *what) {
    fprintf(stderr, "ctrl_c: %s: error %lu\n", what, GetLastError());
    return 1;
}

int main(int argc, char **argv) {
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    STARTUPINFOA startup = {sizeof startup};
    PROCESS_INFORMATION child;
    HANDLE out, in, own = GetStdHandle(STD_ERROR_HANDLE);
    static char text[16384];
    DWORD got, length = 0, code = 0;
    if (argc != 4 || !CreatePipe(&out, &in, &inherited, 0)) return failed("start");
    SetHandleInformation(out, HANDLE_FLAG_INHERIT, 0);
    /* The event goes to all programs of a console, so they get one of their own. */
    FreeConsole();
    if (!AllocConsole() || !SetConsoleCtrlHandler(ignore, TRUE)) return failed("console");
    SetStdHandle(STD_ERROR_HANDLE, own);
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdOutput = startup.hStdError = in;
    if (!CreateProcessA(NULL, argv[3], NULL, NULL, TRUE, 0, NULL, NULL, &startup, &child)) return failed(argv[3]);
    CloseHandle(in);
    while (!strstr(text, argv[2])) {
        if (!ReadFile(out, text + length, sizeof text - 1 - length, &got, NULL) || !got) return failed(argv[2]);
        length += got;
    }
    if (!GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0)) return failed("Ctrl-C");
    if (WaitForSingleObject(child.hProcess, 20000) != WAIT_OBJECT_0) {
        TerminateProcess(child.hProcess, 1);
        return failed("the program goes on after Ctrl-C");
    }
    GetExitCodeProcess(child.hProcess, &code);
    fprintf(stderr, "ctrl_c: exit code %lu\n", code);
    return code != (DWORD)atoi(argv[1]);
}
